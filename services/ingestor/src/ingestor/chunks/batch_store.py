"""Count what a group did to its batches, end the batches that are full or over the limit, and say so."""

from collections.abc import Sequence

from asyncpg import Record
from readmit_contracts.batches import QUARANTINE_LIMIT_PERCENT, over_quarantine_limit
from readmit_contracts.reasons import Reason
from readmit_runtime.database import Connection

from ingestor import announcements
from ingestor.announcements import Event
from ingestor.chunks.outcome import BatchCounts, BatchKey, GroupOutcome


async def count(connection: Connection, generation: int, outcome: GroupOutcome) -> list[Event]:
    """Add the group's counts under the batches' locks; give the events of batches and runs that ended.

    Call it last in the transaction: every other group of a batch waits here until this one commits.
    """
    events: list[Event] = []
    failed: list[BatchKey] = []
    for key in sorted(outcome.batches):
        counts = outcome.batches[key]
        batch = await _add(connection, generation, key, counts)
        if batch["state"] != "planned":
            continue
        fault = counts.fails_for or over_limit(batch)
        if fault is not None:
            events.append(announcements.batch_failed(await fail(connection, generation, key, fault)))
            failed.append(key)
        elif batch["published"] == batch["planned_rows"]:
            events.append(announcements.batch_stored(await _finish(connection, generation, key)))
            outcome.batches_stored += 1
    outcome.batches_failed = len(failed)
    return events + await fail_runs(connection, generation, failed)


def over_limit(batch: Record) -> tuple[Reason, str] | None:
    """Say why a batch has too many open quarantine rows, None when it has not."""
    quarantined, planned = batch["quarantined"], batch["planned_rows"]
    if not over_quarantine_limit(quarantined=quarantined, planned=planned):
        return None
    detail = f"{quarantined} of {planned} rows are in quarantine, above the limit of {QUARANTINE_LIMIT_PERCENT} %"
    return Reason.QUARANTINE_LIMIT, detail


async def _add(connection: Connection, generation: int, key: BatchKey, counts: BatchCounts) -> Record:
    # The update takes the row's lock; keys come sorted.
    return await _updated(
        connection,
        """
        UPDATE ingest.batches SET published = published + $5, stored = stored + $6, duplicate = duplicate + $7,
                                  quarantined = quarantined + $8
        WHERE (generation, dataset_no, split, batch) = ($1, $2, $3, $4)
        RETURNING *
        """,
        generation,
        key,
        (counts.published, counts.stored, counts.duplicate, counts.quarantined),
    )


async def _finish(connection: Connection, generation: int, key: BatchKey) -> Record:
    return await _updated(
        connection,
        """
        UPDATE ingest.batches SET state = 'stored', stored_at = now()
        WHERE (generation, dataset_no, split, batch) = ($1, $2, $3, $4) AND state = 'planned'
        RETURNING *
        """,
        generation,
        key,
    )


async def fail(connection: Connection, generation: int, key: BatchKey, fault: tuple[Reason, str]) -> Record:
    """End a batch that is planned or stored; only a resume takes it up again."""
    return await _updated(
        connection,
        """
        UPDATE ingest.batches SET state = 'failed', failed_reason = $5, failed_detail = $6
        WHERE (generation, dataset_no, split, batch) = ($1, $2, $3, $4) AND state IN ('planned', 'stored')
        RETURNING *, now() AS failed_at
        """,
        generation,
        key,
        fault,
    )


async def mark_clean(connection: Connection, generation: int, key: BatchKey, sha256: str) -> Record:
    """Set a stored batch clean, with its content hash."""
    return await _updated(
        connection,
        """
        UPDATE ingest.batches SET state = 'clean', clean_at = now(), sha256 = $5
        WHERE (generation, dataset_no, split, batch) = ($1, $2, $3, $4) AND state = 'stored'
        RETURNING *
        """,
        generation,
        key,
        (sha256,),
    )


async def _updated(
    connection: Connection, update: str, generation: int, key: BatchKey, values: Sequence[object] = ()
) -> Record:
    row = await connection.fetchrow(
        f"WITH b AS ({update}) SELECT b.*, d.dataset_id FROM b JOIN ingest.datasets d USING (dataset_no)",  # noqa: S608 - ours
        generation,
        *key,
        *values,
    )
    if row is None:
        raise LookupError(f"batch {key.batch} of {key.split} is not in the state that its lock promised")
    return row


async def fail_runs(connection: Connection, generation: int, batches: Sequence[BatchKey]) -> list[Event]:
    """Fail the active runs that want one of these failed batches; give their events."""
    wanting = await wanting_runs(connection, generation, batches)
    rows = await connection.fetch("SELECT * FROM ingest.fail_runs($1)", wanting)
    return [announcements.ingestion_failed(row) for row in rows]


async def wanting_runs(connection: Connection, generation: int, batches: Sequence[BatchKey]) -> list[object]:
    """Give the ids of the active runs that want one of these batches, sorted."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT r.run_id
        FROM unnest($2::smallint[], $3::text[], $4::integer[]) AS k (dataset_no, split, batch)
        JOIN ingest.run_batches w USING (dataset_no, split, batch)
        JOIN ingest.runs r ON r.run_id = w.run_id
        WHERE w.generation = $1 AND r.state IN ('planned', 'streaming')
        ORDER BY r.run_id
        """,
        generation,
        [key.dataset_no for key in batches],
        [key.split for key in batches],
        [key.batch for key in batches],
    )
    return [row["run_id"] for row in rows]
