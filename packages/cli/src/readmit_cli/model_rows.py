"""Name what the status views show of jobs, models, promotions and replicas."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
Convergence = Literal["waiting", "converging", "converged"]


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One training job; `stage` says what is done now, `metrics` holds the figures by split once it is done."""

    job_id: UUID
    model: str
    recipe: str
    feature_version: int
    training_set_sha256: str
    generation: int
    state: JobState
    stage: str | None
    reason: str | None
    detail: str | None
    attempt: int
    model_id: str | None
    metrics: Mapping[str, Any] | None
    durations_s: Mapping[str, float] | None
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def active(self) -> bool:
        """Whether the job waits or runs."""
        return self.state in ("waiting", "running")


class ModelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One trained model; `version` is MLflow's, none until it is registered there."""

    model: str
    model_id: str
    version: str | None
    job_id: UUID
    feature_version: int
    mlflow_run_id: str | None
    training_set_sha256: str
    metrics: Mapping[str, Any] | None
    trained_at: datetime


class DecisionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict of the gate; `evidence` holds the figures that it judged by."""

    decision_id: int
    model: str
    model_id: str
    command_id: UUID
    champion_epoch: int | None
    champion_model_id: str | None
    passed: bool
    refusals: tuple[str, ...]
    evidence: Mapping[str, Any]
    decided_at: datetime


class PromotionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch: which model became the champion, by whom and why."""

    model: str
    epoch: int
    model_id: str
    version: str | None
    kind: str
    command_id: UUID
    decision_id: int | None
    replaces_epoch: int | None
    replaces_model_id: str | None
    actor: str
    reason: str
    promoted_at: datetime


class ChampionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The model that serves under a name, and how many of the living replicas have it."""

    model: str
    epoch: int
    model_id: str
    version: str | None
    kind: str
    actor: str
    reason: str
    promoted_at: datetime
    replicas_alive: int
    replicas_converged: int
    convergence: Convergence


class ReplicaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One predictor process as it last reported; `load_failure` says why it does not serve a newer epoch."""

    replica: str
    model: str
    status: str
    epoch: int | None
    model_id: str | None
    load_failure: str | None
    reported_at: datetime
    alive: bool
