"""Write what was asked for: jobs, and the wishes of what is to follow them.

Everything here runs in its caller's transaction. Lock order: jobs, then wishes.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record
from readmit_contracts.batches import BatchRef
from readmit_contracts.reasons import Reason
from readmit_runtime import inbox, trace_context
from readmit_runtime.database import Connection
from readmit_runtime.inbox import CommandOutcome

from trainer.announcements import SCHEMA

CONSUMER = "trainer"
"""The inbox's name of whoever takes the trainer's commands."""


class AskedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is asked for."""

    job_id: UUID
    model: str
    recipe: str
    feature_version: int
    method_sha256: str
    training_set: tuple[BatchRef, ...]
    training_set_sha256: str
    generation: int


class AskedWish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants, and who."""

    kind: str
    model: str
    command_id: UUID
    actor: str
    reason: str
    job_id: UUID | None = None
    model_id: str | None = None
    to_epoch: int | None = None
    expected_epoch: int | None = None


async def clean_batches(connection: Connection) -> tuple[int, tuple[BatchRef, ...]]:
    """Return the store's generation and every batch that is clean now, in one statement."""
    row = await connection.fetchrow(
        """
        SELECT s.generation, coalesce(jsonb_agg(b.ref ORDER BY b.dataset_no, b.split, b.batch)
                                      FILTER (WHERE b.ref IS NOT NULL), '[]') AS refs
        FROM ingest.store s
        LEFT JOIN ingest.batch_refs b ON b.generation = s.generation AND b.state = 'clean'
        GROUP BY s.generation
        """
    )
    if row is None:
        raise LookupError("ingest.store has no row; run the migrations")
    return row["generation"], msgspec.json.decode(row["refs"], type=tuple[BatchRef, ...])


async def ask_job(connection: Connection, job: AskedJob) -> Record:
    """Insert the job, or lock and return the one that is there; a failed or cancelled one is reopened.

    One that waits or runs for an earlier generation of the store goes on as a new job of this one: whoever works on
    it loses the lease. What is inserted or reopened goes on in the current trace.
    """
    row = await connection.fetchrow(
        """
        INSERT INTO training.jobs AS j
            (job_id, model, recipe, feature_version, training_set, training_set_sha256, generation,
             method_sha256, traceparent)
        VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9)
        ON CONFLICT (job_id) DO UPDATE SET
            state = 'waiting', stage = NULL, reason = NULL, detail = NULL, tries = 0, lease_owner = NULL,
            lease_until = NULL, started_at = NULL, finished_at = NULL, generation = excluded.generation,
            training_set = excluded.training_set, traceparent = excluded.traceparent
        WHERE j.state IN ('failed', 'cancelled')
           OR (j.state IN ('waiting', 'running') AND j.generation < excluded.generation)
        RETURNING *
        """,
        job.job_id,
        job.model,
        job.recipe,
        job.feature_version,
        msgspec.json.encode(job.training_set).decode(),
        job.training_set_sha256,
        job.generation,
        job.method_sha256,
        trace_context.current(),
    )
    if row is None:
        row = await connection.fetchrow("SELECT * FROM training.jobs WHERE job_id = $1 FOR UPDATE", job.job_id)
    if row is None:
        raise LookupError(f"training.jobs lost the job {job.job_id} while it was asked for")
    return row


async def add_wish(connection: Connection, wish: AskedWish) -> None:
    """Add a wish to the end of the queue; one per command. It goes on in the current trace."""
    await connection.execute(
        """
        INSERT INTO training.wishes
            (model, kind, command_id, job_id, model_id, to_epoch, expected_epoch, actor, reason, traceparent)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        wish.model,
        wish.kind,
        wish.command_id,
        wish.job_id,
        wish.model_id,
        wish.to_epoch,
        wish.expected_epoch,
        wish.actor,
        wish.reason,
        trace_context.current(),
    )


async def end_job(connection: Connection, job_id: UUID, *, state: str, reason: Reason, detail: str) -> Record | None:
    """End a waiting or running job without a model, with the wishes that hang on it; None when it is neither."""
    row = await connection.fetchrow(
        """
        UPDATE training.jobs SET state = $2, stage = NULL, reason = $3, detail = $4, finished_at = now(),
                                 lease_owner = NULL, lease_until = NULL
        WHERE job_id = $1 AND state IN ('waiting', 'running')
        RETURNING *
        """,
        job_id,
        state,
        reason,
        detail,
    )
    if row is not None:
        await end_wishes(connection, job_id, state="failed", outcome="rejected", reason=reason, detail=detail)
    return row


async def end_jobs_before(connection: Connection, generation: int, *, detail: str) -> list[Record]:
    """End every waiting or running job of an earlier generation as failed(STORE_RESET); return their rows."""
    waiting = await connection.fetch(
        """
        SELECT job_id FROM training.jobs WHERE state IN ('waiting', 'running') AND generation < $1
        ORDER BY job_id FOR UPDATE
        """,
        generation,
    )
    ended = [
        await end_job(connection, row["job_id"], state="failed", reason=Reason.STORE_RESET, detail=detail)
        for row in waiting
    ]
    return [row for row in ended if row is not None]


async def end_wishes(
    connection: Connection,
    job_id: UUID,
    *,
    state: str,
    outcome: CommandOutcome,
    kinds: Sequence[str] = ("train", "promotion"),
    reason: str | None = None,
    detail: str | None = None,
) -> None:
    """End the open wishes of a job, and say in the inbox what became of their commands."""
    rows = await connection.fetch(
        """
        UPDATE training.wishes SET state = $2, detail = $3, ended_at = now()
        WHERE job_id = $1 AND state = 'open' AND kind = ANY ($4::text[])
        RETURNING command_id
        """,
        job_id,
        state,
        detail,
        list(kinds),
    )
    for row in rows:
        await settle(connection, row["command_id"], outcome=outcome, reason=reason, detail=detail, subject=str(job_id))


async def settle(connection: Connection, command_id: UUID, **done: Any) -> None:
    """Write into the inbox what became of a command whose work went on after it was taken."""
    await inbox.settle(connection, SCHEMA, consumer=CONSUMER, command_id=command_id, **done)


async def job_of_model(connection: Connection, model: str, model_id: str) -> UUID | None:
    """Return the first done job of this model name that came to this model; None when there is none."""
    found: UUID | None = await connection.fetchval(
        """
        SELECT job_id FROM training.jobs WHERE model = $1 AND model_id = $2 AND state = 'done'
        ORDER BY finished_at, job_id LIMIT 1
        """,
        model,
        model_id,
    )
    return found


async def job_state(connection: Connection, model: str, job_id: UUID) -> str | None:
    """Return the job's state; None when this model name has no such job."""
    state: str | None = await connection.fetchval(
        "SELECT state FROM training.jobs WHERE job_id = $1 AND model = $2", job_id, model
    )
    return state
