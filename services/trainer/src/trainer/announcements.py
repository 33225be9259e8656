"""Build the events that the trainer announces; each goes to the outbox in the transaction that makes it true."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from asyncpg import Record
from readmit_contracts import ids
from readmit_contracts.events import (
    ModelEvaluated,
    ModelPromoted,
    ModelTrained,
    ReplacedModel,
    TrainingFailed,
    TrainingStarted,
)
from readmit_contracts.fields import Message
from readmit_contracts.registry import ce_type
from readmit_contracts.source import Split
from readmit_contracts.topics import MODELS_PROMOTED, TRAINING_EVENTS, Topic
from readmit_runtime.messages import OutgoingRecord, outgoing

SCHEMA = "training"
SOURCE = "/readmit/trainer"
Event = tuple[UUID, OutgoingRecord]
Row = Mapping[str, Any] | Record

_DETAIL_MAX = 500  # what the event's field takes


def training_started(job: Row, rows: Mapping[Split, int]) -> Event:
    """Say that a worker took the job. `job` is a row of `training.jobs`."""
    message = TrainingStarted(
        job_id=job["job_id"],
        model=job["model"],
        attempt=job["attempt"],
        training_set_sha256=job["training_set_sha256"],
        rows=dict(rows),
    )
    return _event(TRAINING_EVENTS, message, job["job_id"], job["attempt"])


def model_trained(job: Row, *, duration_s: float) -> Event:
    """Say that the job is done and its bundle lies in the object store."""
    message = ModelTrained(
        job_id=job["job_id"],
        model=job["model"],
        attempt=job["attempt"],
        model_id=job["model_id"],
        feature_version=job["feature_version"],
        duration_s=duration_s,
    )
    return _event(TRAINING_EVENTS, message, job["job_id"], job["attempt"])


def training_failed(job: Row) -> Event:
    """Say that the job ended without a model; it may fail again after it was reopened, at another time."""
    message = TrainingFailed(
        job_id=job["job_id"],
        model=job["model"],
        attempt=job["attempt"],
        reason=job["reason"],
        detail=job["detail"][:_DETAIL_MAX],
    )
    at = job["finished_at"].isoformat().replace(":", "")
    return _event(TRAINING_EVENTS, message, job["job_id"], job["attempt"], at)


def model_evaluated(
    *,
    job_id: UUID,
    model: str,
    command_id: UUID,
    decision_id: int,
    model_id: str,
    champion: ReplacedModel | None,
    metrics: Mapping[str, float],
    refusals: tuple[str, ...],
) -> Event:
    """Say what the gate decided for a command."""
    message = ModelEvaluated(
        job_id=job_id,
        model=model,
        model_id=model_id,
        champion_epoch=champion.epoch if champion else None,
        champion_model_id=champion.model_id if champion else None,
        metrics=dict(metrics),
        passed=not refusals,
        refusals=refusals,
    )
    return _event(TRAINING_EVENTS, message, command_id, decision_id)


def model_promoted(promotion: Row, *, lineage: UUID, replaces: ReplacedModel | None, again: str = "") -> Event:
    """Say who is the champion. `promotion` is a row of `training.promotions` with its model's version and features.

    `again` tells a repeated announcement, which the topic lost, from those before it.
    """
    message = ModelPromoted(
        model=promotion["model"],
        epoch=promotion["epoch"],
        lineage=lineage,
        model_id=promotion["model_id"],
        version=promotion["mlflow_version"],
        feature_version=promotion["feature_version"],
        replaces=replaces,
        reason=promotion["reason"],
        actor=promotion["actor"],
    )
    parts = (promotion["model"], lineage, promotion["epoch"], *((again,) if again else ()))
    return _event(MODELS_PROMOTED, message, *parts)


def _event(topic: Topic, message: Message, *parts: str | int | UUID) -> Event:
    event_id = ids.event_id(ce_type(type(message)), *parts)
    return event_id, outgoing(topic, message, source=SOURCE, id=event_id)
