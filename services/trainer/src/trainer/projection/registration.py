"""Name and shape the files by which a model is to be shown in MLflow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record
from readmit_contracts.bundle import MODEL_FILE

REGISTRATION_FILE = "registration.json"
REGISTERED_FILE = "registered.json"

JOB_TAG = "readmit.job_id"
MODEL_TAG = "readmit.model_id"
ORPHAN_TAG = "readmit.orphan"

BOOSTER_FILE = MODEL_FILE


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to show. The booster lies beside this file."""

    experiment: str
    model: str
    model_id: str
    job_id: UUID
    feature_version: int
    finished_ms: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    auroc_per_tree: tuple[float, ...]
    requirements: tuple[str, ...]


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is shown; `orphans` counts further runs of the job, which were tagged."""

    run_id: str
    version: str
    orphans: int


def write_registration(workdir: Path, registration: Registration) -> None:
    """Write the request into the folder that the child gets."""
    (workdir / REGISTRATION_FILE).write_bytes(msgspec.json.encode(registration))


def read_registered(workdir: Path) -> Registered:
    """Return the answer; raises msgspec.DecodeError."""
    return msgspec.json.decode((workdir / REGISTERED_FILE).read_bytes(), type=Registered)


def registration_of(row: Mapping[str, Any] | Record, *, experiment: str, fit: Mapping[str, Any]) -> Registration:
    """Return what to show of a model. `row` joins its rows of models and jobs, `fit` is its evidence, or empty."""
    figures: Mapping[str, Any] = msgspec.json.decode(row["metrics"])
    metrics = {
        f"{split}_{name}": float(value)
        for split, values in figures.items()
        if isinstance(values, dict)
        for name, value in values.items()
    }
    recipe: Mapping[str, Any] = fit.get("recipe", {"name": row["recipe"]})
    libraries: Mapping[str, str] = fit.get("libraries", {})
    params = {f"recipe_{name}": str(value) for name, value in recipe.items()}
    params |= {f"library_{name}": version for name, version in libraries.items()}
    params |= {
        "training_set_sha256": row["training_set_sha256"],
        "feature_version": str(row["feature_version"]),
        "best_iteration": str(figures.get("best_iteration", "")),
    }
    return Registration(
        experiment=experiment,
        model=row["model"],
        model_id=row["model_id"],
        job_id=row["job_id"],
        feature_version=row["feature_version"],
        finished_ms=int(row["finished_at"].timestamp() * 1000),
        params=params,
        metrics=metrics,
        auroc_per_tree=tuple(fit.get("validation_auroc", ())),
        requirements=tuple(f"{name}=={libraries[name]}" for name in ("lightgbm", "numpy") if name in libraries),
    )
