"""The store's generation: the lock that planning and reset take, and the batches that stand in it."""

from readmit_runtime.database import Connection

SCHEMA = "ingest"


async def lock(connection: Connection) -> int:
    """Take the store for the rest of the transaction, the first lock of all, and return the generation.

    Nothing is stored, cleaned, planned or reset beside it.
    """
    # The table, not its row: waiting for a row is not a queue, and ingestors that hold it by turns would never let
    # go of it together. Behind this lock whoever comes later waits for its turn.
    await connection.execute("LOCK TABLE ingest.store IN EXCLUSIVE MODE")
    generation: int = await connection.fetchval("SELECT generation FROM ingest.store")
    return generation


async def advance(connection: Connection) -> int:
    """Begin the next generation and return its number; call it under the lock."""
    generation: int = await connection.fetchval(
        "UPDATE ingest.store SET generation = generation + 1, reset_at = now() RETURNING generation"
    )
    return generation


async def plan_batches(connection: Connection, generation: int) -> int:
    """Give the generation every batch of every planned dataset, and return how many batches it has.

    Batches that are there keep their state.
    """
    await connection.execute(
        """
        INSERT INTO ingest.batches (generation, dataset_no, split, batch, planned_rows)
        SELECT $1, dataset_no, split, batch, sum(rows)
        FROM ingest.planned_chunks
        GROUP BY dataset_no, split, batch
        ORDER BY dataset_no, split, batch
        ON CONFLICT DO NOTHING
        """,
        generation,
    )
    batches: int = await connection.fetchval("SELECT count(*) FROM ingest.batches WHERE generation = $1", generation)
    return batches
