"""Clean one stored batch in one transaction: typed rows, a content hash, and the runs that waited for it.

Serial over the whole store, so that the training set of a completed run is exact. A crash rolls back and leaves the
batch `stored`; anyone's next round takes it again.
"""

from dataclasses import dataclass

from asyncpg import Record
from readmit_contracts.reasons import Reason
from readmit_contracts.source import CHUNK_ROWS, SPLITS
from readmit_contracts.tables import line_expression
from readmit_runtime import outbox, tracing
from readmit_runtime.database import Connection

from ingestor import announcements
from ingestor.announcements import Event
from ingestor.chunks import batch_store
from ingestor.chunks.outcome import BatchKey
from ingestor.cleaning import clean_store


@dataclass(frozen=True)
class CleanedBatch:
    """What cleaning did: the batch, its rows in the clean table, rows moved to quarantine, runs completed."""

    batch: BatchKey
    rows: int
    moved: int
    failed: bool
    runs_completed: int


async def clean_next(connection: Connection) -> CleanedBatch | None:
    """Clean the lowest stored batch, after whoever is cleaning one; None when there is none left then."""
    async with connection.transaction(isolation="read_committed"):
        generation = await clean_store.wait_for_turn(connection)
        row = await connection.fetchrow(
            """
            SELECT dataset_no, split, batch, (
                SELECT r.traceparent FROM ingest.run_batches w JOIN ingest.runs r USING (run_id)
                WHERE (w.generation, w.dataset_no, w.split, w.batch) = (b.generation, b.dataset_no, b.split, b.batch)
                  AND r.state IN ('planned', 'streaming')
                ORDER BY r.planned_at, r.run_id LIMIT 1) AS traceparent
            FROM ingest.batches b
            WHERE generation = $1 AND state = 'stored'
            ORDER BY dataset_no, split, batch LIMIT 1 FOR UPDATE
            """,
            generation,
        )
        if row is None:
            return None
        *place, traceparent = row
        key = BatchKey(*place)
        with tracing.span(
            "ingest.clean",
            parent=traceparent,
            attributes={"readmit.dataset_no": key.dataset_no, "readmit.split": key.split, "readmit.batch": key.batch},
        ):
            return await _clean(connection, generation, key)


async def _clean(connection: Connection, generation: int, key: BatchKey) -> CleanedBatch:
    moved = await _move_to_quarantine(connection, generation, key)
    batch = await _count_moved(connection, generation, key, moved)
    fault = batch_store.over_limit(batch)
    if fault is not None:
        failed = await batch_store.fail(connection, generation, key, fault)
        events = [announcements.batch_failed(failed), *await batch_store.fail_runs(connection, generation, [key])]
        await outbox.add(connection, "ingest", events)
        return CleanedBatch(key, rows=0, moved=moved, failed=True, runs_completed=0)
    await clean_store.clear(connection, key)
    derived = await clean_store.derive(connection, key)
    batch = await batch_store.mark_clean(connection, generation, key, derived.sha256)
    completed = await complete_runs(connection, await batch_store.wanting_runs(connection, generation, [key]))
    await outbox.add(connection, "ingest", [announcements.batch_cleaned(batch), *completed])
    return CleanedBatch(key, rows=derived.rows, moved=moved, failed=False, runs_completed=len(completed))


async def complete_runs(connection: Connection, candidates: list[object]) -> list[Event]:
    """Complete those of the runs whose every batch is clean; give their events, not yet in the outbox."""
    rows = await connection.fetch(
        """
        SELECT c.event, r.traceparent FROM ingest.complete_runs($1) c JOIN ingest.runs r USING (run_id) ORDER BY run_id
        """,
        candidates,
    )
    return [announcements.ingestion_completed(row) for row in rows]


async def complete_waiting_runs(connection: Connection) -> int:
    """Complete any active run whose every batch is clean, whoever missed it; give their number."""
    async with connection.transaction(isolation="read_committed"):
        await clean_store.wait_for_turn(connection)
        active = await connection.fetch("SELECT run_id FROM ingest.runs WHERE state IN ('planned', 'streaming')")
        events = await complete_runs(connection, [row["run_id"] for row in active])
        await outbox.add(connection, "ingest", events)
    return len(events)


async def _move_to_quarantine(connection: Connection, generation: int, key: BatchKey) -> int:
    """Move rows whose encounter already stands in another split; give their number."""
    others = " UNION ALL ".join(
        f"SELECT FROM raw.{split} o WHERE o.encounter_id = {key.split}.encounter_id"
        for split in SPLITS
        if split != key.split
    )
    moved: int = await connection.fetchval(
        f"""
        WITH moved AS (
            DELETE FROM raw.{key.split} WHERE dataset_no = $2 AND row_no BETWEEN $4 AND $5 AND EXISTS ({others})
            RETURNING row_no, encounter_id, {line_expression()} AS line
        ), parked AS (
            INSERT INTO ingest.quarantine
                (generation, dataset_no, split, batch, row_no, reason, field, value, line, topic, partition, "offset")
            SELECT $1, $2, $6, $3, m.row_no, $7, 'encounter_id', m.encounter_id::text, convert_to(m.line, 'UTF8'),
                   c.topic, c.partition, c."offset"
            FROM moved m JOIN ingest.chunks c
                ON (c.generation, c.dataset_no, c.split, c.batch, c.chunk) = ($1, $2, $6, $3, (m.row_no - $4) / $8)
            RETURNING 1
        )
        SELECT count(*) FROM parked
        """,  # noqa: S608 - the split is one of three literals, the columns are ours
        generation,
        key.dataset_no,
        key.batch,
        *key.row_range,
        key.split,
        Reason.OTHER_SPLIT,
        CHUNK_ROWS,
    )
    return moved


async def _count_moved(connection: Connection, generation: int, key: BatchKey, moved: int) -> Record:
    row = await connection.fetchrow(
        """
        UPDATE ingest.batches SET stored = stored - $5, quarantined = quarantined + $5
        WHERE (generation, dataset_no, split, batch) = ($1, $2, $3, $4)
        RETURNING quarantined, planned_rows
        """,
        generation,
        *key,
        moved,
    )
    if row is None:
        raise LookupError(f"batch {key.batch} of {key.split} is gone although its row is locked")
    return row
