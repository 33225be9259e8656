"""Make rows of the status views, as the command line reads them; what a test does not name is as in the good case."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from readmit_cli.model_rows import (
    ChampionStatus,
    DecisionStatus,
    JobStatus,
    ModelStatus,
    PromotionStatus,
    ReplicaStatus,
)
from readmit_cli.status_rows import BatchStatus, CommandStatus, RunStatus
from readmit_contracts.commands import StartIngestion
from readmit_contracts.registry import ce_type

COMMAND_ID = UUID("0b0c4f43-7d6a-4f0e-9a55-3c2f1f6f1a01")
RUN_ID = UUID("5a4dfe2c-8a3b-5a39-8f11-0e4c2f6b7a02")
JOB_ID = UUID("6b4dfe2c-8a3b-5a39-8f11-0e4c2f6b7a03")
DATASET_ID = UUID("7c4dfe2c-8a3b-5a39-8f11-0e4c2f6b7a04")
MODEL_ID = "a1b2" * 16
OTHER_ID = "c3d4" * 16
NOW = datetime(2026, 1, 1, tzinfo=UTC)
METRICS = {
    "validation": {"rows": 20_442.0, "auroc": 0.6712, "auprc": 0.21, "brier": 0.09},
    "test": {"rows": 20_097.0, "auroc": 0.6845},
    "best_iteration": 225,
}


def command(outcome: str = "accepted", **changes: Any) -> CommandStatus:
    """Give what became of a command."""
    fields = {
        "command_id": COMMAND_ID,
        "consumer": "batch_producer",
        "command_type": ce_type(StartIngestion),
        "outcome": outcome,
        "reason": None,
        "detail": None,
        "subject": str(RUN_ID),
        "recorded_at": NOW,
    }
    return CommandStatus(**{**fields, **changes})


def run(state: str = "completed", **changes: Any) -> RunStatus:
    """Give a run over one batch of 100 rows."""
    counts = dict.fromkeys(("missing", "duplicate", "quarantined", "discarded"), 0)
    fields = {
        "run_id": RUN_ID,
        "command_id": COMMAND_ID,
        "generation": 1,
        "dataset_id": DATASET_ID,
        "requested": {"train": "all"},
        "then": "nothing",
        "state": state,
        "reason": None,
        "detail": None,
        "batches": 1,
        "clean_batches": int(state == "completed"),
        "planned_rows": 100,
        "published": 100,
        "stored": 100,
        "planned_at": NOW,
        "streaming_at": None,
        "sent_at": None,
        "finished_at": None,
    }
    return RunStatus(**{**fields, **counts, **changes})


def batch(state: str = "clean", **changes: Any) -> BatchStatus:
    """Give a batch of 100 rows."""
    counts = dict.fromkeys(("missing", "duplicate", "quarantined", "discarded"), 0)
    fields = {
        "generation": 1,
        "dataset_id": DATASET_ID,
        "dataset_no": 1,
        "split": "train",
        "batch": 0,
        "state": state,
        "planned_rows": 100,
        "published": 100,
        "stored": 100,
        "reason": None,
        "detail": None,
        "sha256": "e5" * 32 if state == "clean" else None,
        "planned_at": NOW,
        "stored_at": None,
        "clean_at": NOW if state == "clean" else None,
    }
    return BatchStatus(**{**fields, **counts, **changes})


def job(state: str = "done", **changes: Any) -> JobStatus:
    """Give a training job that took 40 seconds."""
    done = state == "done"
    fields = {
        "job_id": JOB_ID,
        "model": "readmission",
        "recipe": "baseline",
        "feature_version": 1,
        "training_set_sha256": "d4" * 32,
        "generation": 1,
        "state": state,
        "stage": None,
        "reason": None,
        "detail": None,
        "attempt": 1,
        "model_id": MODEL_ID if done else None,
        "metrics": METRICS if done else None,
        "durations_s": {"fitted": 40.0} if done else None,
        "asked_at": NOW,
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=40) if state not in ("waiting", "running") else None,
    }
    return JobStatus(**{**fields, **changes})


def model(**changes: Any) -> ModelStatus:
    """Give a trained model that MLflow has as version 7."""
    fields: Mapping[str, Any] = {
        "model": "readmission",
        "model_id": MODEL_ID,
        "version": "7",
        "job_id": JOB_ID,
        "feature_version": 1,
        "mlflow_run_id": None,
        "training_set_sha256": "d4" * 32,
        "metrics": METRICS,
        "trained_at": NOW,
    }
    return ModelStatus(**{**fields, **changes})


def decision(*refusals: str, **changes: Any) -> DecisionStatus:
    """Give a verdict of the gate over a champion of epoch 3; it passed unless there are refusals."""
    metrics = {"challenger_auroc": 0.6712, "champion_auroc": 0.6650, "auroc_gain": 0.0062}
    bounds = {"auroc_gain_lower": -0.001, "auroc_gain_upper": 0.0130}
    fields = {
        "decision_id": 1,
        "model": "readmission",
        "model_id": MODEL_ID,
        "command_id": COMMAND_ID,
        "champion_epoch": 3,
        "champion_model_id": OTHER_ID,
        "passed": not refusals,
        "refusals": refusals,
        "evidence": {"metrics": {**metrics, **bounds}},
        "decided_at": NOW,
    }
    return DecisionStatus(**{**fields, **changes})


def promotion(epoch: int = 4, **changes: Any) -> PromotionStatus:
    """Give a promotion of the model."""
    fields = {
        "model": "readmission",
        "epoch": epoch,
        "model_id": MODEL_ID,
        "version": "7",
        "kind": "promotion",
        "command_id": COMMAND_ID,
        "decision_id": 1,
        "replaces_epoch": epoch - 1 or None,
        "replaces_model_id": OTHER_ID if epoch > 1 else None,
        "actor": "operator",
        "reason": "better",
        "promoted_at": NOW,
    }
    return PromotionStatus(**{**fields, **changes})


def champion(epoch: int = 4, **changes: Any) -> ChampionStatus:
    """Give the model as the champion, served by the one replica that lives."""
    fields = {
        "model": "readmission",
        "epoch": epoch,
        "model_id": MODEL_ID,
        "version": "7",
        "kind": "promotion",
        "actor": "operator",
        "reason": "better",
        "promoted_at": NOW,
        "replicas_alive": 1,
        "replicas_converged": 1,
        "convergence": "converged",
    }
    return ChampionStatus(**{**fields, **changes})


def replica(**changes: Any) -> ReplicaStatus:
    """Give a living replica that serves epoch 4."""
    fields = {
        "replica": "host-1",
        "model": "readmission",
        "status": "serving",
        "epoch": 4,
        "model_id": MODEL_ID,
        "load_failure": None,
        "reported_at": NOW,
        "alive": True,
    }
    return ReplicaStatus(**{**fields, **changes})


def changed(row: Any, **changes: Any) -> Any:
    """Give the row with other values."""
    return msgspec.structs.replace(row, **changes)
