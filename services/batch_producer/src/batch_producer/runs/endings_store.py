"""End the runs whose batches are all clean, or of which one failed, by the ledger's own functions."""

from collections.abc import Sequence
from uuid import UUID

from readmit_runtime.database import Connection

from batch_producer import announcements
from batch_producer.announcements import Event


async def end_runs(connection: Connection, run_ids: Sequence[UUID]) -> list[Event]:
    """Complete or fail those of the active runs that are ready for it, and return the event of each.

    Takes the locks of the runs, so the batches' locks, if any, come before.
    """
    completed = await connection.fetch(
        """
        SELECT c.event, r.traceparent FROM ingest.complete_runs($1) c JOIN ingest.runs r USING (run_id) ORDER BY run_id
        """,
        run_ids,
    )
    failed = await connection.fetch("SELECT * FROM ingest.fail_runs($1)", run_ids)
    return [
        *(announcements.ingestion_completed(row) for row in completed),
        *(announcements.ingestion_failed(dict(row)) for row in failed),
    ]
