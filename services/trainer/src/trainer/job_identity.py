"""Name a training job by everything that its result depends on, so that asking twice is one job."""

import hashlib
from collections.abc import Iterable, Mapping
from uuid import UUID, uuid5

import msgspec
from readmit_contracts.batches import BatchRef, batches_sha256
from readmit_contracts.ids import NAMESPACE
from readmit_contracts.reasons import Reason

from trainer.recipe import Recipe

FITTED_ON = ("train", "validation")


def training_sha256(training_set: Iterable[BatchRef]) -> str:
    """Return the digest over the train and validation batches: those that decide the model's bytes."""
    return batches_sha256(ref for ref in training_set if ref.split in FITTED_ON)


def method_sha256(recipe: Recipe, libraries: Mapping[str, str]) -> str:
    """Return the digest over how this release trains.

    The recipe's digest holds the feature version and the number of threads.
    """
    parts = {"recipe": recipe.digest(), "libraries": dict(libraries)}
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def job_id(*, model: str, training_set: Iterable[BatchRef], method: str, force: UUID | None) -> UUID:
    """Return the job's id; `method` is `method_sha256`.

    `force` is the command that wants a job of its own, whatever was trained before.
    """
    return uuid5(NAMESPACE, f"job:{model}:{training_sha256(training_set)}:{method}:{force or ''}")


def not_trainable(training_set: Iterable[BatchRef]) -> tuple[Reason, str] | None:
    """Return why nothing can be trained on these batches, as a code and a sentence; None when something can."""
    rows = dict.fromkeys(FITTED_ON, 0)
    for ref in training_set:
        if ref.split in rows:
            rows[ref.split] += ref.rows
    if not rows["train"]:
        return Reason.NO_TRAINING_ROWS, "No batch of train is clean in the store; ingest some, then train again."
    if not rows["validation"]:
        return (
            Reason.NO_VALIDATION_ROWS,
            "No batch of validation is clean in the store, so nothing says when to stop; ingest some, then train.",
        )
    return None
