"""Say what may be asked of the services: commands, in the imperative.

A command has no id and no time in its value: its id is the header `ce_id`, and a repeated command has the same bytes.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from readmit_contracts.fields import (
    DEFAULT_MODEL,
    MAX_BATCHES,
    Actor,
    BatchNo,
    Epoch,
    JobId,
    Message,
    ModelId,
    ModelName,
    RunId,
    Sha256,
    TrainingWish,
    Why,
    Wish,
)
from readmit_contracts.source import Split


class NextBatches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lowest batches that are neither stored, clean, failed nor wanted by an active run."""

    next: Annotated[int, Meta(ge=1, le=MAX_BATCHES, description="How many batches.")]


BatchList = Annotated[tuple[BatchNo, ...], Meta(min_length=1, max_length=MAX_BATCHES, description="These batches.")]
BatchSelection = Literal["all"] | BatchList | NextBatches


class StartIngestion(Message, frozen=True, kw_only=True):
    """Stream batches of the dataset into the store; asks the batch producer for a run."""

    key_template = "store"
    batches: Annotated[
        dict[Split, BatchSelection],
        Meta(min_length=1, max_length=3, description="Which batches of each split; a split left out has none."),
    ]
    then: Annotated[Wish, Meta(description="What follows the completed run.")] = "train_and_promote"
    dataset_sha256: Annotated[
        Sha256 | None, Meta(description="Refuse the command unless the dataset's file has this digest.")
    ] = None


class CancelIngestion(Message, frozen=True, kw_only=True):
    """End a run's streaming; its batches stay as they are and any later run goes on from there."""

    key_template = "store"
    run_id: RunId
    reason: Why


class ResumeIngestion(Message, frozen=True, kw_only=True):
    """Take up a failed run again; refused while one of its batches is over the quarantine limit."""

    key_template = "store"
    run_id: RunId


class ResetStore(Message, frozen=True, kw_only=True):
    """Empty the store and begin its next generation; refused while a run is active."""

    key_template = "store"
    reason: Why
    actor: Actor


class RebuildClean(Message, frozen=True, kw_only=True):
    """Derive the clean tables of the whole store anew from the raw ones; refused when raw rows were altered."""

    key_template = "store"
    reason: Why
    actor: Actor


class TrainModel(Message, frozen=True, kw_only=True):
    """Train on every clean batch of the store; the same data, recipe and versions are the same job."""

    key_template = "{0.model}"
    model: ModelName = DEFAULT_MODEL
    then: Annotated[TrainingWish, Meta(description="Whether the trained model goes to the gate.")] = "train_and_promote"
    force: Annotated[bool, Meta(description="Train as a new job, even when the same one is done.")] = False


class CancelTraining(Message, frozen=True, kw_only=True):
    """End a waiting or running training job; refused once it is done."""

    key_template = "{0.model}"
    model: ModelName = DEFAULT_MODEL
    job_id: JobId
    reason: Why


class PromoteModel(Message, frozen=True, kw_only=True):
    """Put a trained model before the gate and, when it passes, make it the champion under a new epoch."""

    key_template = "{0.model}"
    model: ModelName = DEFAULT_MODEL
    model_id: ModelId
    expected_epoch: Annotated[
        Epoch | None, Meta(description="Refuse the command unless this is the champion's epoch.")
    ] = None
    reason: Why
    actor: Actor


class RollbackModel(Message, frozen=True, kw_only=True):
    """Make an earlier champion the champion again, under a new epoch and without the gate."""

    key_template = "{0.model}"
    model: ModelName = DEFAULT_MODEL
    to_epoch: Annotated[Epoch | None, Meta(description="The epoch to return to; none: the one before.")] = None
    expected_epoch: Annotated[
        Epoch | None, Meta(description="Refuse the command unless this is the champion's epoch.")
    ] = None
    reason: Why
    actor: Actor
