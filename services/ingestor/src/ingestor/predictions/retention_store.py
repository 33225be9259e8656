"""Delete predictions that are too old, some rows in each transaction."""

from readmit_runtime.database import Connection

# A chunk may be delivered again while its topic keeps it, 30 days and a segment's roll; the ledger outlasts that.
LEDGER_DAYS = 60

_DELETIONS = {
    "inputs": """
        DELETE FROM predictions.inputs WHERE prediction_id IN (
            SELECT prediction_id FROM predictions.inputs WHERE at < now() - make_interval(days => $1) LIMIT $2)
        """,
    "predictions": """
        DELETE FROM predictions.predictions WHERE prediction_id IN (
            SELECT prediction_id FROM predictions.predictions WHERE at < now() - make_interval(days => $1) LIMIT $2)
        """,
    "chunks": """
        DELETE FROM predictions.chunks WHERE (replica, segment, chunk) IN (
            SELECT replica, segment, chunk FROM predictions.chunks
            WHERE recorded_at < now() - make_interval(days => $1) LIMIT $2)
        """,
}
TABLES = tuple(_DELETIONS)


async def delete_some(connection: Connection, table: str, *, older_than_days: int, at_most: int) -> int:
    """Delete rows of one of `TABLES`, and give their number; fewer than `at_most` means that none are left."""
    done = await connection.execute(_DELETIONS[table], older_than_days, at_most)
    return int(done.rpartition(" ")[2])
