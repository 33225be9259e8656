"""Claim runs under a lease, ask what is still to be sent, and record what became of the sending.

Time is the database's. `attempt` is the fencing token: what a worker writes of a run names the attempt it claimed,
and has no effect once another worker, or a command, has moved on.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from readmit_contracts.source import SPLITS, Split
from readmit_runtime import outbox
from readmit_runtime.database import Connection, Pool, transient_errors

from batch_producer import announcements
from batch_producer.generation_store import SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRun:
    """A run that this worker holds the lease of, and the dataset that it streams."""

    run_id: UUID
    attempt: int
    generation: int
    dataset_id: UUID
    dataset_no: int
    file_sha256: str
    traceparent: str | None = None


class StreamingStore:
    """The runs as a worker sees them; every call is a transaction of its own and may raise Transient."""

    def __init__(self, pool: Pool, *, owner: str, lease_s: float) -> None:
        """Take the worker's name, which is for people, and the length of its leases."""
        self._pool = pool
        self._owner = owner
        self._lease = timedelta(seconds=lease_s)

    async def claim(self) -> ClaimedRun | None:
        """Take the run planned first among those still to be sent whose lease nobody holds; None without one."""
        async with self._connection() as connection:
            row = await connection.fetchrow(
                """
                WITH first AS (
                    SELECT run_id FROM ingest.runs
                    WHERE state IN ('planned', 'streaming') AND sent_at IS NULL
                      AND (lease_until IS NULL OR lease_until < now())
                    ORDER BY planned_at, run_id
                    LIMIT 1
                    FOR UPDATE SKIP LOCKED
                )
                UPDATE ingest.runs r
                SET state = 'streaming', streaming_at = coalesce(r.streaming_at, now()), attempt = r.attempt + 1,
                    lease_owner = $1, lease_until = now() + $2::interval
                FROM first, ingest.datasets d
                WHERE r.run_id = first.run_id AND d.dataset_no = r.dataset_no
                RETURNING r.run_id, r.attempt, r.generation, d.dataset_id, d.dataset_no, d.file_sha256,
                          r.traceparent
                """,
                self._owner,
                self._lease,
            )
        return ClaimedRun(**row) if row is not None else None

    async def renew(self, run: ClaimedRun) -> bool:
        """Prolong the lease; False when the run is another attempt's, or no longer streaming."""
        async with self._connection() as connection:
            done = await connection.execute(
                """
                UPDATE ingest.runs SET lease_until = now() + $3::interval
                WHERE run_id = $1 AND attempt = $2 AND state = 'streaming'
                """,
                run.run_id,
                run.attempt,
                self._lease,
            )
        return bool(done == "UPDATE 1")

    async def held(self, run: ClaimedRun) -> bool:
        """Tell, cheaply, what `renew` would: whether the run is still this attempt's and streaming."""
        async with self._connection() as connection:
            found = await connection.fetchval(
                "SELECT true FROM ingest.runs WHERE run_id = $1 AND attempt = $2 AND state = 'streaming'",
                run.run_id,
                run.attempt,
            )
        return found is not None

    async def release(self, run: ClaimedRun) -> None:
        """Give the lease back, so that nobody waits for its end."""
        async with self._connection() as connection:
            await connection.execute(
                "UPDATE ingest.runs SET lease_owner = NULL, lease_until = NULL WHERE run_id = $1 AND attempt = $2",
                run.run_id,
                run.attempt,
            )

    async def batches(self, run: ClaimedRun) -> list[tuple[Split, int]]:
        """Return the run's batches: by split in the order of `SPLITS`, ascending."""
        async with self._connection() as connection:
            rows = await connection.fetch("SELECT split, batch FROM ingest.run_batches WHERE run_id = $1", run.run_id)
        return sorted(((row["split"], row["batch"]) for row in rows), key=lambda key: (SPLITS.index(key[0]), key[1]))

    async def missing_chunks(self, run: ClaimedRun, split: Split, batch: int) -> Mapping[int, str]:
        """Return the planned digest of each chunk of a batch that has no ledger row, ascending by chunk."""
        async with self._connection() as connection:
            rows = await connection.fetch(
                """
                SELECT p.chunk, p.sha256
                FROM ingest.planned_chunks p
                WHERE p.dataset_no = $2 AND p.split = $3 AND p.batch = $4 AND NOT EXISTS (
                    SELECT FROM ingest.chunks c
                    WHERE (c.generation, c.dataset_no, c.split, c.batch, c.chunk)
                        = ($1, p.dataset_no, p.split, p.batch, p.chunk))
                ORDER BY p.chunk
                """,
                run.generation,
                run.dataset_no,
                split,
                batch,
            )
        return {row["chunk"]: row["sha256"] for row in rows}

    async def finish(self, run: ClaimedRun) -> bool:
        """Note that all was sent and confirmed; False when the run is no longer this attempt's."""
        async with self._connection() as connection:
            done = await connection.execute(
                """
                UPDATE ingest.runs SET sent_at = now(), lease_owner = NULL, lease_until = NULL
                WHERE run_id = $1 AND attempt = $2 AND state = 'streaming'
                """,
                run.run_id,
                run.attempt,
            )
        return bool(done == "UPDATE 1")

    async def fail(self, run: ClaimedRun, reason: str, detail: str) -> bool:
        """End the run as failed, with its event; False when the run is no longer this attempt's."""
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(
                """
                UPDATE ingest.runs SET state = 'failed', reason = $3, detail = $4, finished_at = now(),
                                       lease_owner = NULL, lease_until = NULL
                WHERE run_id = $1 AND attempt = $2 AND state = 'streaming'
                RETURNING run_id, generation, reason, detail, finished_at, traceparent
                """,
                run.run_id,
                run.attempt,
                reason,
                detail,
            )
            if row is not None:
                await outbox.add(connection, SCHEMA, [announcements.ingestion_failed(dict(row))])
        return row is not None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with transient_errors():
            async with self._pool.acquire() as connection:
                yield connection
