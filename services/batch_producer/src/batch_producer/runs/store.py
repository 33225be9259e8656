"""Change runs, their failed batches and the store as a whole; each call is part of a command's transaction."""

from collections.abc import Sequence
from uuid import UUID

from readmit_contracts.reasons import Reason
from readmit_runtime.database import Connection

from batch_producer.announcements import Row


async def find(connection: Connection, run_id: UUID) -> Row | None:
    """Return a run's `state` and `generation`, None for an unknown run."""
    row = await connection.fetchrow("SELECT state, generation FROM ingest.runs WHERE run_id = $1", run_id)
    return None if row is None else dict(row)


async def cancel(connection: Connection, run_id: UUID, why: str) -> int | None:
    """End an active run and return its generation; None, and nothing done, when it is not active."""
    generation: int | None = await connection.fetchval(
        """
        UPDATE ingest.runs SET state = 'cancelled', reason = $2, detail = $3, finished_at = now(),
                               lease_owner = NULL, lease_until = NULL
        WHERE run_id = $1 AND state IN ('planned', 'streaming')
        RETURNING generation
        """,
        run_id,
        Reason.CANCELLED,
        why,
    )
    return generation


async def lock_failed_batches(connection: Connection, run_id: UUID) -> Sequence[Row]:
    """Lock those of the run's batches that failed, sorted, and return their rows with the dataset's id."""
    rows = await connection.fetch(
        """
        SELECT b.*, d.dataset_id
        FROM ingest.batches b
        JOIN ingest.run_batches w USING (generation, dataset_no, split, batch)
        JOIN ingest.datasets d USING (dataset_no)
        WHERE w.run_id = $1 AND b.state = 'failed'
        ORDER BY b.generation, b.dataset_no, b.split, b.batch
        FOR UPDATE OF b
        """,
        run_id,
    )
    return [dict(row) for row in rows]


async def reopen_batch(connection: Connection, batch: Row) -> str:
    """Take a failed batch up again and return its state: `stored` when all of it has arrived, else `planned`."""
    reopened: str = await connection.fetchval(
        """
        UPDATE ingest.batches
        SET state = CASE WHEN published = planned_rows THEN 'stored' ELSE 'planned' END,
            stored_at = CASE WHEN published = planned_rows THEN now() END,
            failed_reason = NULL, failed_detail = NULL
        WHERE (generation, dataset_no, split, batch) = ($1, $2, $3, $4) AND state = 'failed'
        RETURNING state
        """,
        batch["generation"],
        batch["dataset_no"],
        batch["split"],
        batch["batch"],
    )
    return reopened


async def reopen_run(connection: Connection, run_id: UUID) -> None:
    """Let a failed run be streamed again; the next attempt's number fences off a worker of the last one."""
    await connection.execute(
        """
        UPDATE ingest.runs
        SET state = 'streaming', attempt = attempt + 1, lease_owner = NULL, lease_until = NULL,
            reason = NULL, detail = NULL, sent_at = NULL, finished_at = NULL
        WHERE run_id = $1 AND state = 'failed'
        """,
        run_id,
    )


async def active_runs(connection: Connection) -> int:
    """Count the runs that are planned or streaming."""
    count: int = await connection.fetchval("SELECT count(*) FROM ingest.runs WHERE state IN ('planned', 'streaming')")
    return count


async def empty(connection: Connection) -> None:
    """Remove every stored row and the ledger; runs, quarantine and decisions stay with their generation."""
    await connection.execute(
        """
        TRUNCATE raw.train, raw.validation, raw.test, clean.train, clean.validation, clean.test,
                 ingest.chunks, ingest.duplicates
        """
    )
