"""Read how far the store is, for the metrics."""

from collections.abc import Mapping

import msgspec
from readmit_runtime import outbox
from readmit_runtime.database import Connection

COUNTS = ("planned", "published", "stored", "duplicate", "quarantined", "discarded")
"""What is counted of a batch's rows; what is planned and not published is missing."""


class StoreProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The batches of the store's generation, all runs, and the outbox."""

    batches: Mapping[str, int]
    """By state."""
    rows: Mapping[str, int]
    """Of those batches, by `COUNTS`."""
    runs: Mapping[str, int]
    """By state."""
    outbox_age_s: float


async def read_progress(connection: Connection) -> StoreProgress:
    """Return what the tables say now."""
    batches = await connection.fetch(
        """
        SELECT b.state, count(*) AS batches, sum(b.planned_rows) AS planned, sum(b.published) AS published,
               sum(b.stored) AS stored, sum(b.duplicate) AS duplicate, sum(b.quarantined) AS quarantined,
               sum(b.discarded) AS discarded
        FROM ingest.batches b JOIN ingest.store s USING (generation)
        GROUP BY b.state
        """
    )
    runs = await connection.fetch("SELECT state, count(*) AS runs FROM ingest.runs GROUP BY state")
    return StoreProgress(
        batches={row["state"]: row["batches"] for row in batches},
        rows={count: sum(row[count] for row in batches) for count in COUNTS},
        runs={row["state"]: row["runs"] for row in runs},
        outbox_age_s=await outbox.oldest_age_s(connection, "ingest"),
    )
