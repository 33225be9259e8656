"""Store a group of chunks in one transaction: each row lands once, and each has exactly one outcome.

Locks are taken in this order everywhere: store, ledger keys, batches, runs, each sorted; the batches last, so that
they are held for milliseconds. The steps are numbered as in `docs/guarantees.md`.
"""

from collections.abc import AsyncIterator, Sequence

from asyncpg import Record
from readmit_contracts.reasons import Reason
from readmit_contracts.source import SPLITS
from readmit_runtime import outbox
from readmit_runtime.database import Connection
from readmit_runtime.dead_letters import DeadLetterLimit

from ingestor import announcements
from ingestor.announcements import Event
from ingestor.chunks import batch_store, raw_store
from ingestor.chunks.checking import CheckedChunk, check_ahead
from ingestor.chunks.outcome import CONSECUTIVE_BAD_ROWS, BatchKey, GroupOutcome, QuarantinedRow, longest_run
from ingestor.chunks.received import ReceivedChunk
from ingestor.chunks.rows import BadRow, body, good_lines
from ingestor.parked import ParkedRecord

ChunkKey = tuple[BatchKey, int]
"""A chunk within a generation: its batch and its number there; sorts in lock order."""


async def store_group(
    connection: Connection,
    chunks: Sequence[ReceivedChunk],
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
            of_split = [chunk for chunk in fresh if chunk.headers.split == split]
            if of_split:
                events += await _store_split(connection, generation, of_split, outcome)
        # Step 4. Under the batches' locks: count, decide, announce.
        events += await batch_store.count(connection, generation, outcome)
        events += [announcements.parked(parked) for parked in outcome.parked]
        await outbox.add(connection, "ingest", events)
        # Last, so that a group that has to come again is counted once.
        limit.observe(good=len(as_planned), parked=len(outcome.parked))
    return outcome


async def _sort_out(
    connection: Connection, generation: int, chunks: Sequence[ReceivedChunk], outcome: GroupOutcome
) -> list[ReceivedChunk]:
    """Give the chunks of this generation that are as planned, sorted, each once."""
    current = {_key(chunk): chunk for chunk in chunks if chunk.headers.generation == generation}
    planned = await _planned_chunks(connection, generation, list(current))
    as_planned: dict[ChunkKey, ReceivedChunk] = {}
    for chunk in chunks:
        headers = chunk.headers
        if headers.generation < generation:
            outcome.chunks_outdated += 1
            continue
        plan = planned.get(_key(chunk))
        if plan is None or plan["dataset_id"] != headers.dataset_id or headers.generation > generation:
            detail = f"no plan of generation {generation} knows this chunk"
            outcome.parked.append(ParkedRecord(chunk.record, Reason.UNKNOWN_BATCH, detail))
        elif (headers.sha256, headers.rows, headers.first_row) != (plan["sha256"], plan["rows"], plan["first_row"]):
            detail = f"chunk {headers.chunk} is not the planned one: its digest or its rows differ"
            outcome.parked.append(ParkedRecord(chunk.record, Reason.CHUNK_CONFLICT, detail))
            outcome.of(_batch(chunk)).fails_for = (Reason.CHUNK_CONFLICT, detail)
        elif _key(chunk) in as_planned:
            outcome.chunks_repeated += 1
        else:
            as_planned[_key(chunk)] = chunk
    return [as_planned[key] for key in sorted(as_planned)]


async def _planned_chunks(connection: Connection, generation: int, keys: Sequence[ChunkKey]) -> dict[ChunkKey, Record]:
    rows = await connection.fetch(
        """
        SELECT d.dataset_id, p.dataset_no, p.split, p.batch, p.chunk, p.sha256, p.rows, p.first_row
        FROM unnest($2::smallint[], $3::text[], $4::integer[], $5::integer[]) AS k (dataset_no, split, batch, chunk)
        JOIN ingest.planned_chunks p USING (dataset_no, split, batch, chunk)
        JOIN ingest.datasets d USING (dataset_no)
        JOIN ingest.batches b ON (b.generation, b.dataset_no, b.split, b.batch) = ($1, p.dataset_no, p.split, p.batch)
        """,
        generation,
        *_key_arrays(keys),
    )
    return {(BatchKey(row["dataset_no"], row["split"], row["batch"]), row["chunk"]): row for row in rows}


async def _enter_ledger(
    connection: Connection, generation: int, chunks: Sequence[ReceivedChunk]
) -> list[ReceivedChunk]:
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
        *_key_arrays([_key(chunk) for chunk in chunks]),
        [chunk.headers.rows for chunk in chunks],
        [chunk.headers.sha256 for chunk in chunks],
        [chunk.record.topic for chunk in chunks],
        [chunk.record.partition for chunk in chunks],
        [chunk.record.offset for chunk in chunks],
    )
    entered = {(BatchKey(row["dataset_no"], row["split"], row["batch"]), row["chunk"]) for row in rows}
    return [chunk for chunk in chunks if _key(chunk) in entered]


def _key_arrays(keys: Sequence[ChunkKey]) -> tuple[list[int], list[str], list[int], list[int]]:
    return (
        [batch.dataset_no for batch, _ in keys],
        [batch.split for batch, _ in keys],
        [batch.batch for batch, _ in keys],
        [chunk for _, chunk in keys],
    )


async def _store_split(
    connection: Connection, generation: int, chunks: Sequence[ReceivedChunk], outcome: GroupOutcome
) -> list[Event]:
    """Store the good rows of chunks of one split, quarantine the others; give the dead letters of the latter."""
    split = chunks[0].headers.split
    checked: list[CheckedChunk] = []
    clashes = await raw_store.copy(connection, split, _good_lines(chunks, checked))
    quarantined = [_quarantined(chunk.received, bad) for chunk in checked for bad in chunk.bad_rows]
    for chunk in checked:
        _count(chunk, outcome)
    duplicates = []
    for clash in clashes:
        received = _chunk_of(chunks, clash)
        outcome.of(_batch(received)).stored -= 1
        if clash.same_content:
            outcome.of(_batch(received)).duplicate += 1
            duplicates.append(clash)
        else:
            position = clash.row_no - received.headers.first_row
            bad = BadRow(position, Reason.ENCOUNTER_CONFLICT, "encounter_id", str(clash.encounter_id))
            quarantined.append(_quarantined(received, bad))
    for row in quarantined:
        outcome.of(row.batch).quarantined += 1
        outcome.quarantined[row.bad.reason] += 1
    await raw_store.record_duplicates(connection, split, duplicates)
    await raw_store.quarantine(connection, generation, quarantined)
    return [announcements.quarantined(row) for row in quarantined]


async def _good_lines(chunks: Sequence[ReceivedChunk], checked: list[CheckedChunk]) -> AsyncIterator[bytes]:
    """Give the good lines of each chunk, and note each chunk in `checked` as it passes."""
    async for chunk in check_ahead(chunks):
        checked.append(chunk)
        yield good_lines(body(chunk.received.payload), chunk.bad_rows)


def _count(chunk: CheckedChunk, outcome: GroupOutcome) -> None:
    headers = chunk.received.headers
    counts = outcome.of(_batch(chunk.received))
    counts.published += headers.rows
    counts.stored += headers.rows - len(chunk.bad_rows)
    in_a_row = longest_run(bad.position for bad in chunk.bad_rows)
    if in_a_row >= CONSECUTIVE_BAD_ROWS:
        counts.fails_for = (Reason.QUARANTINE_LIMIT, f"{in_a_row} rows in a row of chunk {headers.chunk} are bad")


def _batch(chunk: ReceivedChunk) -> BatchKey:
    return BatchKey(chunk.headers.dataset_no, chunk.headers.split, chunk.headers.batch)


def _key(chunk: ReceivedChunk) -> ChunkKey:
    return _batch(chunk), chunk.headers.chunk


def _chunk_of(chunks: Sequence[ReceivedChunk], clash: raw_store.Clash) -> ReceivedChunk:
    for chunk in chunks:
        headers = chunk.headers
        if headers.dataset_no == clash.dataset_no and 0 <= clash.row_no - headers.first_row < headers.rows:
            return chunk
    raise LookupError(f"row {clash.row_no} of dataset {clash.dataset_no} is in none of the group's chunks")


def _quarantined(chunk: ReceivedChunk, bad: BadRow) -> QuarantinedRow:
    row_no = chunk.headers.first_row + bad.position
    return QuarantinedRow(_batch(chunk), row_no, bad, chunk.lines[bad.position], chunk.record)
