"""Follow a training job to its end, and what the gate made of its model."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

import msgspec
from readmit_contracts import ids
from readmit_contracts.events import IngestionCompleted
from readmit_contracts.registry import ce_type
from readmit_runtime.clock import Clock

from readmit_cli.asking.effects import POLL_S, Awaited
from readmit_cli.failures import CommandFailed
from readmit_cli.model_rows import ChampionStatus, DecisionStatus, JobStatus, ModelStatus, PromotionStatus
from readmit_cli.status_rows import CommandStatus

TRAINER = "trainer"

OnJob = Callable[[JobStatus], None]
"""Hears how far a job is."""


class Models(Protocol):
    """What is asked of the status views."""

    async def job(self, job_id: UUID) -> JobStatus | None:
        """Return a training job."""
        ...

    async def models_beginning(self, beginning: str) -> Sequence[ModelStatus]:
        """Return models whose id begins so."""
        ...

    async def decision_of(self, command_id: UUID) -> DecisionStatus | None:
        """Return the gate's verdict that a message led to."""
        ...

    async def promotion_of(self, command_id: UUID) -> PromotionStatus | None:
        """Return the promotion that a message led to."""
        ...

    async def champion(self, model: str) -> ChampionStatus | None:
        """Return the model that serves under a name."""
        ...


def heard_of(run_id: UUID) -> Awaited:
    """Return the message by which the trainer hears that a run is complete."""
    return Awaited(ids.event_id(ce_type(IngestionCompleted), run_id), IngestionCompleted, TRAINER)


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What a message that asked for training came to.

    `done_before`: the same job was done when the message came, so nothing was trained. `decision` and `promotion` are
    the message's own; `champion` is whoever serves now.
    """

    command: CommandStatus
    job: JobStatus
    done_before: bool
    model: ModelStatus
    decision: DecisionStatus | None
    promotion: PromotionStatus | None
    champion: ChampionStatus | None


async def job_ended(command: CommandStatus, models: Models, clock: Clock, on_job: OnJob) -> JobStatus:
    """Return the job that the message asked for once it is done; raises CommandFailed when it came to no model."""
    if command.subject is None:
        raise CommandFailed(f"No training followed: {command.detail or 'no reason is on record.'}")
    job_id = UUID(command.subject)
    while (job := await models.job(job_id)) is not None:
        on_job(job)
        if not job.active:
            _require_done(job)
            return job
        await clock.sleep(POLL_S)
    raise CommandFailed(f"Training job {job_id} is not on record, although {command.command_id} asked for it.")


async def trained(command: CommandStatus, job: JobStatus, models: Models) -> Trained:
    """Return what is on record of a done job and of the message that asked for it."""
    if job.model_id is None:
        raise LookupError(f"job {job.job_id} is done without a model")
    (model,) = await models.models_beginning(job.model_id)
    return Trained(
        command=command,
        job=job,
        done_before=done_before(job, command),
        model=model,
        decision=await models.decision_of(command.command_id),
        promotion=await models.promotion_of(command.command_id),
        champion=await models.champion(job.model),
    )


def done_before(job: JobStatus, command: CommandStatus) -> bool:
    """Tell whether the job was done when the message that asks for it came."""
    return job.finished_at is not None and job.finished_at < command.recorded_at


def stage(job: JobStatus) -> str:
    """Return what a job is at, for people."""
    return f"{job.state}: {job.stage}" if job.stage else job.state


def _require_done(job: JobStatus) -> None:
    if job.state == "done":
        return
    how = "was cancelled" if job.state == "cancelled" else "failed"
    raise CommandFailed(f"Training job {job.job_id} {how} ({job.reason}): {job.detail or 'no reason is on record.'}")
