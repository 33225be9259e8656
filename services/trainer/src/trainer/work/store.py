"""Claim jobs under a lease and record how they end.

Time is the database's. `attempt` is the fencing token: what a worker writes of a job names the attempt it claimed, and
has no effect once another worker, or a command, has moved on.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from readmit_contracts.batches import BatchRef
from readmit_contracts.reasons import Reason
from readmit_runtime import outbox, trace_context
from readmit_runtime.database import Connection, Pool, transient_errors

from trainer import announcements
from trainer.announcements import SCHEMA
from trainer.asking import store as asking

_CLAIMED = ("job_id", "model", "attempt", "tries", "generation", "feature_version", "method_sha256", "traceparent")


class ClaimedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that this worker holds the lease of."""

    job_id: UUID
    model: str
    attempt: int
    tries: int
    generation: int
    feature_version: int
    method_sha256: str
    training_set: tuple[BatchRef, ...]
    traceparent: str | None = None


class TrainedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a job came to: what its row is to hold once it is done."""

    model_id: str
    frame_key: str
    evidence_key: str
    metrics: Mapping[str, Any]
    durations_s: Mapping[str, float]


class JobStore:
    """The jobs as a worker sees them; every call is a transaction of its own and may raise Transient."""

    def __init__(self, pool: Pool, *, owner: str, lease_s: float) -> None:
        """Take the worker's name, which is for people, and the length of its leases."""
        self._pool = pool
        self._owner = owner
        self._lease = timedelta(seconds=lease_s)

    async def claim(self) -> ClaimedJob | None:
        """Take the job asked for first among those that wait or whose lease ran out; None without one."""
        async with self._transaction() as connection:
            row = await connection.fetchrow(
                """
                WITH first AS (
                    SELECT job_id FROM training.jobs
                    WHERE state = 'waiting' OR (state = 'running' AND lease_until < now())
                    ORDER BY asked_at, job_id
                    LIMIT 1
                    FOR UPDATE SKIP LOCKED
                )
                UPDATE training.jobs j
                SET state = 'running', stage = 'claimed', attempt = j.attempt + 1, tries = j.tries + 1,
                    lease_owner = $1, lease_until = now() + $2::interval, started_at = coalesce(j.started_at, now())
                FROM first WHERE j.job_id = first.job_id
                RETURNING j.*
                """,
                self._owner,
                self._lease,
            )
            if row is None:
                return None
            job = ClaimedJob(
                **{name: row[name] for name in _CLAIMED},
                training_set=msgspec.json.decode(row["training_set"], type=tuple[BatchRef, ...]),
            )
            rows: Counter[Any] = Counter()
            for ref in job.training_set:
                rows[ref.split] += ref.rows
            with trace_context.carrying(job.traceparent):
                await outbox.add(connection, SCHEMA, [announcements.training_started(row, rows)])
        return job

    async def renew(self, job: ClaimedJob, stage: str) -> bool:
        """Prolong the lease and say how far the work is; False when the job is no longer this attempt's."""
        async with self._transaction() as connection:
            done = await connection.execute(
                """
                UPDATE training.jobs SET lease_until = now() + $3::interval, stage = $4
                WHERE job_id = $1 AND attempt = $2 AND state = 'running'
                """,
                job.job_id,
                job.attempt,
                self._lease,
                stage,
            )
        return bool(done == "UPDATE 1")

    async def release(self, job: ClaimedJob) -> None:
        """Give the job back as if it had not been tried, so that nobody waits for the lease's end."""
        async with self._transaction() as connection:
            await connection.execute(
                """
                UPDATE training.jobs SET state = 'waiting', stage = NULL, lease_owner = NULL, lease_until = NULL,
                                         tries = greatest(tries - 1, 0)
                WHERE job_id = $1 AND attempt = $2 AND state = 'running'
                """,
                job.job_id,
                job.attempt,
            )

    async def retry(self, job: ClaimedJob) -> None:
        """Give the job back with this try counted."""
        async with self._transaction() as connection:
            await connection.execute(
                """
                UPDATE training.jobs SET state = 'waiting', stage = NULL, lease_owner = NULL, lease_until = NULL
                WHERE job_id = $1 AND attempt = $2 AND state = 'running'
                """,
                job.job_id,
                job.attempt,
            )

    async def finish(self, job: ClaimedJob, trained: TrainedModel, *, duration_s: float) -> bool:
        """Note that the job is done, with its model and its event; False when it is no longer this attempt's."""
        async with self._transaction() as connection:
            row = await connection.fetchrow(
                """
                UPDATE training.jobs SET state = 'done', stage = NULL, model_id = $3, frame_key = $4,
                    metrics = $5::jsonb, durations_s = $6::jsonb, evidence_key = $7, finished_at = now(),
                    lease_owner = NULL, lease_until = NULL
                WHERE job_id = $1 AND attempt = $2 AND state = 'running'
                RETURNING *
                """,
                job.job_id,
                job.attempt,
                trained.model_id,
                trained.frame_key,
                msgspec.json.encode(trained.metrics).decode(),
                msgspec.json.encode(trained.durations_s).decode(),
                trained.evidence_key,
            )
            if row is None:
                return False
            await connection.execute(
                """
                INSERT INTO training.models (model_id, model, job_id, feature_version) VALUES ($1, $2, $3, $4)
                ON CONFLICT (model_id) DO NOTHING
                """,
                trained.model_id,
                job.model,
                job.job_id,
                job.feature_version,
            )
            detail = f"The job came to model {trained.model_id}."
            await asking.end_wishes(
                connection, job.job_id, state="honoured", outcome="applied", kinds=["train"], detail=detail
            )
            await outbox.add(connection, SCHEMA, [announcements.model_trained(row, duration_s=duration_s)])
        return True

    async def fail(self, job: ClaimedJob, reason: Reason, detail: str) -> bool:
        """End the job as failed, with its event; False when it is no longer this attempt's."""
        async with self._transaction() as connection:
            held = await connection.fetchval(
                "SELECT true FROM training.jobs WHERE job_id = $1 AND attempt = $2 AND state = 'running' FOR UPDATE",
                job.job_id,
                job.attempt,
            )
            if held is None:
                return False
            row = await asking.end_job(connection, job.job_id, state="failed", reason=reason, detail=detail)
            if row is not None:
                await outbox.add(connection, SCHEMA, [announcements.training_failed(row)])
        return True

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection
