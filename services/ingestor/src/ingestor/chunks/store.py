"""Store a group of chunks in one transaction: each row lands once, and each has exactly one outcome.

Locks are taken in this order everywhere: store, ledger keys, batches, runs, each sorted; the batches last, so that
they are held for milliseconds. The steps are numbered as in `docs/guarantees.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record
from readmit_contracts.reasons import Reason
from readmit_contracts.source import SPLITS
from readmit_runtime import outbox
from readmit_runtime.database import Connection
from readmit_runtime.dead_letters import DeadLetterLimit

from ingestor import announcements
from ingestor.announcements import Event
from ingestor.chunks import batch_store, raw_store
from ingestor.chunks.outcome import (
    CONSECUTIVE_BAD_ROWS,
    BatchKey,
    GroupOutcome,
    ParkedRecord,
    QuarantinedRow,
    longest_run,
)
from ingestor.chunks.received import ReceivedChunk
from ingestor.chunks.rows import BadRow, body, good_lines


@dataclass(frozen=True)
class CheckedChunk:
    """A chunk that can be read, with those of its rows that can't be stored, in order."""

    received: ReceivedChunk
    bad_rows: Sequence[BadRow]

    @property
    def batch(self) -> BatchKey:
        """The batch this chunk is part of."""
        headers = self.received.headers
        return BatchKey(headers.dataset_no, headers.split, headers.batch)

    @property
    def key(self) -> tuple[BatchKey, int]:
        """The chunk within a generation; sorts in lock order."""
        return (self.batch, self.received.headers.chunk)


async def store_group(
    connection: Connection,
    chunks: Sequence[CheckedChunk],
    unreadable: Sequence[ParkedRecord],
    limit: DeadLetterLimit,
) -> GroupOutcome:
    """Store the chunks and park what can't be stored, all or nothing; the same group again changes nothing.

    Raises TooManyDeadLetters, with nothing stored, when `limit` says so.
    """
    outcome = GroupOutcome(parked=list(unreadable))
    events: list[Event] = []
    async with connection.transaction(isolation="read_committed"):
        # Step 0. The store's generation, held against a reset; what is not as planned is parked.
        generation: int = await connection.fetchval("SELECT generation FROM ingest.store FOR SHARE")
        as_planned = await _sort_out(connection, generation, chunks, outcome)
        # Step 1. The ledger is the dedupe gate and the fence: only what it gives back is ours to store.
        fresh = await _enter_ledger(connection, generation, as_planned)
        outcome.chunks_stored = len(fresh)
        outcome.chunks_repeated += len(as_planned) - len(fresh)
        # Steps 2 and 3. A COPY per split; what can't be stored goes to quarantine.
        for split in SPLITS:
            of_split = [chunk for chunk in fresh if chunk.batch.split == split]
            if of_split:
                events += await _store_split(connection, generation, of_split, outcome)
        limit.observe(good=len(as_planned), parked=len(outcome.parked))
        # Step 4. Under the batches' locks: count, decide, announce.
        events += await batch_store.count(connection, generation, outcome)
        events += [announcements.parked(parked) for parked in outcome.parked]
        await outbox.add(connection, "ingest", events)
    return outcome


async def _sort_out(
    connection: Connection, generation: int, chunks: Sequence[CheckedChunk], outcome: GroupOutcome
) -> list[CheckedChunk]:
    """Give the chunks of this generation that are as planned, sorted, each once."""
    current = {chunk.key: chunk for chunk in chunks if chunk.received.headers.generation == generation}
    planned = await _planned_chunks(connection, generation, list(current))
    as_planned: dict[tuple[BatchKey, int], CheckedChunk] = {}
    for chunk in chunks:
        headers = chunk.received.headers
        if headers.generation < generation:
            outcome.chunks_outdated += 1
            continue
        plan = planned.get(chunk.key)
        if plan is None or headers.generation > generation:
            detail = f"no plan of generation {generation} knows this chunk"
            outcome.parked.append(ParkedRecord(chunk.received.record, Reason.UNKNOWN_BATCH, detail))
        elif (headers.sha256, headers.rows, headers.first_row) != (plan["sha256"], plan["rows"], plan["first_row"]):
            detail = f"chunk {headers.chunk} is not the planned one: its digest or its rows differ"
            outcome.parked.append(ParkedRecord(chunk.received.record, Reason.CHUNK_CONFLICT, detail))
            outcome.of(chunk.batch).fails_for = (Reason.CHUNK_CONFLICT, detail)
        elif chunk.key in as_planned:
            outcome.chunks_repeated += 1
        else:
            as_planned[chunk.key] = chunk
    return [as_planned[key] for key in sorted(as_planned)]


async def _planned_chunks(
    connection: Connection, generation: int, keys: Sequence[tuple[BatchKey, int]]
) -> dict[tuple[BatchKey, int], Record]:
    rows = await connection.fetch(
        """
        SELECT p.dataset_no, p.split, p.batch, p.chunk, p.sha256, p.rows, p.first_row
        FROM unnest($2::smallint[], $3::text[], $4::integer[], $5::integer[]) AS k (dataset_no, split, batch, chunk)
        JOIN ingest.planned_chunks p USING (dataset_no, split, batch, chunk)
        JOIN ingest.batches b ON (b.generation, b.dataset_no, b.split, b.batch) = ($1, p.dataset_no, p.split, p.batch)
        """,
        generation,
        *_key_arrays(keys),
    )
    return {(BatchKey(row["dataset_no"], row["split"], row["batch"]), row["chunk"]): row for row in rows}


async def _enter_ledger(connection: Connection, generation: int, chunks: Sequence[CheckedChunk]) -> list[CheckedChunk]:
    if not chunks:
        return []
    rows = await connection.fetch(
        """
        INSERT INTO ingest.chunks
            (generation, dataset_no, split, batch, chunk, rows, sha256, topic, partition, "offset")
        SELECT $1, k.* FROM unnest($2::smallint[], $3::text[], $4::integer[], $5::integer[], $6::integer[], $7::text[],
                                   $8::text[], $9::integer[], $10::bigint[])
            AS k (dataset_no, split, batch, chunk, rows, sha256, topic, partition, "offset")
        ORDER BY dataset_no, split, batch, chunk
        ON CONFLICT DO NOTHING
        RETURNING dataset_no, split, batch, chunk
        """,
        generation,
        *_key_arrays([chunk.key for chunk in chunks]),
        [chunk.received.headers.rows for chunk in chunks],
        [chunk.received.headers.sha256 for chunk in chunks],
        [chunk.received.record.topic for chunk in chunks],
        [chunk.received.record.partition for chunk in chunks],
        [chunk.received.record.offset for chunk in chunks],
    )
    entered = {(BatchKey(row["dataset_no"], row["split"], row["batch"]), row["chunk"]) for row in rows}
    return [chunk for chunk in chunks if chunk.key in entered]


def _key_arrays(keys: Sequence[tuple[BatchKey, int]]) -> tuple[list[int], list[str], list[int], list[int]]:
    return (
        [batch.dataset_no for batch, _ in keys],
        [batch.split for batch, _ in keys],
        [batch.batch for batch, _ in keys],
        [chunk for _, chunk in keys],
    )


async def _store_split(
    connection: Connection, generation: int, chunks: Sequence[CheckedChunk], outcome: GroupOutcome
) -> list[Event]:
    """Store the good rows of chunks of one split, quarantine the others; give the dead letters of the latter."""
    split = chunks[0].batch.split
    lines = [good_lines(body(chunk.received.payload), chunk.bad_rows) for chunk in chunks]
    quarantined = [_quarantined(chunk, bad) for chunk in chunks for bad in chunk.bad_rows]
    for chunk in chunks:
        counts = outcome.of(chunk.batch)
        counts.published += chunk.received.headers.rows
        counts.stored += chunk.received.headers.rows - len(chunk.bad_rows)
        in_a_row = longest_run(bad.position for bad in chunk.bad_rows)
        if in_a_row >= CONSECUTIVE_BAD_ROWS:
            detail = f"{in_a_row} rows in a row of chunk {chunk.received.headers.chunk} are bad"
            counts.fails_for = (Reason.QUARANTINE_LIMIT, detail)
    duplicates = []
    for clash in await raw_store.copy(connection, split, lines):
        chunk = _chunk_of(chunks, clash)
        outcome.of(chunk.batch).stored -= 1
        if clash.same_content:
            outcome.of(chunk.batch).duplicate += 1
            duplicates.append(clash)
        else:
            position = clash.row_no - chunk.received.headers.first_row
            bad = BadRow(position, Reason.ENCOUNTER_CONFLICT, "encounter_id", str(clash.encounter_id))
            quarantined.append(_quarantined(chunk, bad))
    for row in quarantined:
        outcome.of(row.batch).quarantined += 1
        outcome.quarantined[row.bad.reason] += 1
    await raw_store.record_duplicates(connection, split, duplicates)
    await raw_store.quarantine(connection, generation, quarantined)
    return [announcements.quarantined(row) for row in quarantined]


def _chunk_of(chunks: Sequence[CheckedChunk], clash: raw_store.Clash) -> CheckedChunk:
    for chunk in chunks:
        headers = chunk.received.headers
        if headers.dataset_no == clash.dataset_no and 0 <= clash.row_no - headers.first_row < headers.rows:
            return chunk
    raise LookupError(f"row {clash.row_no} of dataset {clash.dataset_no} is in none of the group's chunks")


def _quarantined(chunk: CheckedChunk, bad: BadRow) -> QuarantinedRow:
    headers = chunk.received.headers
    line = body(chunk.received.payload).split(b"\n")[bad.position]
    return QuarantinedRow(chunk.batch, headers.first_row + bad.position, bad, line, chunk.received.record)
