"""Bring a training job into every state, and let every event happen to it, by the trainer's own code.

No model is fitted: what a worker says of its work is all that a job's state depends on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry
from readmit_contracts.batches import BatchRef
from readmit_contracts.commands import CancelTraining
from readmit_contracts.events import IngestionCompleted, StoreReset
from readmit_contracts.fields import DEFAULT_MODEL, Message
from readmit_contracts.reasons import Reason
from readmit_runtime.commands import CommandHandler
from readmit_runtime.database import Connection, Pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.testing.fake_object_store import FakeObjectStore
from support.small_fit import SMALL
from support.trainer_rig import as_delivered
from trainer import job_identity
from trainer.asking.requests import Requests
from trainer.metrics import TrainerMetrics
from trainer.scratch import Scratch
from trainer.settings import JobSettings
from trainer.training_process import ChildLimits
from trainer.work.job import JobWork
from trainer.work.store import ClaimedJob, JobStore, TrainedModel
from trainer.work.worker import Worker

LIBRARIES = {"lightgbm": "test"}
MODEL_ID = "a" * 64
DATASET_ID = uuid4()


def batch(split: str) -> BatchRef:
    """Give a clean batch of 100 rows."""
    return BatchRef(dataset_id=DATASET_ID, dataset_no=1, split=split, batch=0, rows=100, sha256="b" * 64)


class JobRig:
    """One trainer on one database, in its own role, and one job."""

    def __init__(self, admin: Connection, pool: Pool, folder: Path) -> None:
        self.admin = admin
        self._pool = pool
        self._folder = folder
        self._offsets = count()
        self._store = JobStore(pool, owner="test", lease_s=60)
        self.training_set: Sequence[BatchRef] = (batch("train"), batch("validation"))
        self._method = job_identity.method_sha256(SMALL, LIBRARIES)
        requests = Requests(SMALL, LIBRARIES)
        self._handler = CommandHandler(
            pool, "training", "trainer", requests.handlers(), limit=DeadLetterLimit(1000), wake=lambda: None
        )

    @property
    def job_id(self) -> UUID:
        """The job that the training set, the recipe and the libraries make."""
        return job_identity.job_id(model=DEFAULT_MODEL, training_set=self.training_set, method=self._method, force=None)

    async def empty(self) -> None:
        """Forget every job."""
        await self.admin.execute(
            "TRUNCATE training.jobs, training.wishes, training.models, training.decisions, training.champions, "
            "training.promotions, training.inbox, training.outbox"
        )

    async def send(self, message: Message) -> None:
        """Deliver a message, at a place of its own in its topic."""
        self.last = as_delivered(message, uuid4())
        await self.repeat()

    async def repeat(self) -> None:
        """Deliver the last message again."""
        await self._handler([replace(self.last, offset=next(self._offsets))])

    async def ask(self, *, generation: int = 1, then: str = "train") -> None:
        """Let a run over the training set be complete."""
        event = IngestionCompleted(
            run_id=uuid4(),
            command_id=uuid4(),
            dataset_id=DATASET_ID,
            dataset_no=1,
            generation=generation,
            then=then,
            run_batches=(),
            training_set=tuple(self.training_set),
        )
        await self.send(event)

    async def cancel(self) -> None:
        """Cancel the job."""
        await self.send(CancelTraining(job_id=self.job_id, reason="a test"))

    async def reset(self) -> None:
        """Let the store have been reset."""
        await self.send(StoreReset(generation=2, command_id=uuid4(), reason="a test", actor="tester"))

    async def claim(self) -> None:
        """Let a worker look for a job."""
        await self._store.claim()

    async def claimed(self, *, attempts_ago: int = 0) -> ClaimedJob:
        """Give the job as a worker of its newest attempt knows it, or of one before, whether there is one or not."""
        attempt = await self.admin.fetchval("SELECT attempt FROM training.jobs WHERE job_id = $1", self.job_id)
        return ClaimedJob(
            job_id=self.job_id,
            model=DEFAULT_MODEL,
            attempt=(attempt or 0) - attempts_ago,
            tries=1,
            generation=1,
            feature_version=1,
            method_sha256=self._method,
            training_set=tuple(self.training_set),
        )

    async def give_back(self) -> None:
        """Let the worker give the job back."""
        await self._store.release(await self.claimed())

    async def finish(self, *, attempts_ago: int = 0) -> None:
        """Let a worker say that the model is in the object store."""
        trained = TrainedModel(
            model_id=MODEL_ID, frame_key="frame", evidence_key="evidence", metrics={}, durations_s={}
        )
        await self._store.finish(await self.claimed(attempts_ago=attempts_ago), trained, duration_s=1.0)

    async def fail(self, *, attempts_ago: int = 0) -> None:
        """Let a worker say that there is no model."""
        await self._store.fail(await self.claimed(attempts_ago=attempts_ago), Reason.FIT_FAILED, "it broke")

    async def expire(self) -> None:
        """Let the lease run out."""
        await self.admin.execute(
            "UPDATE training.jobs SET lease_until = now() - interval '1 s' WHERE state = 'running'"
        )

    async def put_into(self, state: str) -> None:
        """Change the job's state by hand."""
        await self.admin.execute(
            """
            UPDATE training.jobs
            SET state = $2, model_id = CASE WHEN $2 = 'done' THEN $3 END, lease_until = now() + interval '1 minute',
                finished_at = CASE WHEN $2 IN ('done', 'failed', 'cancelled') THEN now() END
            WHERE job_id = $1
            """,
            self.job_id,
            state,
            MODEL_ID,
        )

    async def try_once_more_than_allowed(self) -> None:
        """Let a worker take the job after as many tries as it may have."""
        settings = JobSettings()
        await self.expire()
        await self.admin.execute("UPDATE training.jobs SET tries = $1", settings.attempts_max)
        work = JobWork(
            self._pool,
            FakeObjectStore(),
            Scratch(self._folder),
            recipe=SMALL,
            libraries=LIBRARIES,
            limits=ChildLimits(wall_s=60.0),
        )
        worker = Worker(self._store, work, settings, metrics=TrainerMetrics(CollectorRegistry()), on_ended=lambda: None)
        await worker.turn(asyncio.Event())

    async def state(self) -> str | None:
        """Give the job's state, None when there is no job."""
        state: str | None = await self.admin.fetchval("SELECT state FROM training.jobs WHERE job_id = $1", self.job_id)
        return state

    async def refusals(self) -> list[str]:
        """Give, in order, why messages were parked so far."""
        rows = await self.admin.fetch(
            """
            SELECT convert_from(header_values[array_position(header_names, 'readmit_dlq_reason')], 'UTF8') AS reason
            FROM training.outbox WHERE topic LIKE '%.dlq' ORDER BY id
            """
        )
        return [row["reason"] for row in rows]
