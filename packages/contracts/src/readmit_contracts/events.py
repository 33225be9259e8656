"""Say what happened: events, in the past tense and never changed afterwards."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from readmit_contracts.batches import BatchCounts, Batches, BatchRef
from readmit_contracts.fields import (
    MAX_BATCHES,
    Actor,
    Attempt,
    BatchNo,
    Code,
    CommandId,
    DatasetId,
    DatasetNo,
    Detail,
    Epoch,
    FeatureVersion,
    Generation,
    JobId,
    Lineage,
    Message,
    Metric,
    MetricName,
    ModelId,
    ModelName,
    ModelVersion,
    Moment,
    Probability,
    ReplicaName,
    Rows,
    RunId,
    Seconds,
    Sha256,
    SplitName,
    Why,
    Wish,
)
from readmit_contracts.source import Split

BatchNumbers = Annotated[tuple[BatchNo, ...], Meta(max_length=MAX_BATCHES)]


class IngestionPlanned(Message, frozen=True, kw_only=True):
    """A run and its batches stand in the ledger; streaming may begin."""

    key_template = "{0.run_id}"
    run_id: RunId
    command_id: CommandId
    dataset_id: DatasetId
    dataset_no: DatasetNo
    generation: Generation
    batches: Annotated[
        dict[Split, BatchNumbers], Meta(max_length=3, description="The run's batches by split, ascending.")
    ]
    rows: Annotated[Rows, Meta(description="Planned rows of these batches.")]
    then: Annotated[Wish, Meta(description="What follows the completed run.")]


class IngestionCompleted(Message, frozen=True, kw_only=True):
    """Every batch of the run is clean; names what the store then held."""

    key_template = "{0.run_id}"
    run_id: RunId
    command_id: CommandId
    dataset_id: DatasetId
    dataset_no: DatasetNo
    generation: Generation
    then: Annotated[Wish, Meta(description="What follows.")]
    run_batches: Annotated[Batches, Meta(description="The run's batches.")]
    training_set: Annotated[Batches, Meta(description="Every batch of the store that was clean at that commit.")]


class IngestionFailed(Message, frozen=True, kw_only=True):
    """The run ended before its batches were clean; ResumeIngestion takes it up again."""

    key_template = "{0.run_id}"
    run_id: RunId
    generation: Generation
    reason: Code
    detail: Detail


class IngestionCancelled(Message, frozen=True, kw_only=True):
    """A command ended the run's streaming."""

    key_template = "{0.run_id}"
    run_id: RunId
    generation: Generation
    command_id: CommandId
    reason: Why


class StoreReset(Message, frozen=True, kw_only=True):
    """The store was emptied and began a new generation."""

    key_template = "store"
    generation: Annotated[Generation, Meta(description="The generation that began.")]
    command_id: CommandId
    reason: Why
    actor: Actor


class BatchStored(Message, frozen=True, kw_only=True):
    """Every planned row of the batch has arrived and is accounted for."""

    key_template = "{0.dataset_id}:{0.split}:{0.batch}"
    dataset_id: DatasetId
    dataset_no: DatasetNo
    split: SplitName
    batch: BatchNo
    generation: Generation
    counts: Annotated[BatchCounts, Meta(description="What became of its rows.")]


class BatchCleaned(Message, frozen=True, kw_only=True):
    """The batch's rows stand in the clean table."""

    key_template = "{0.batch.dataset_id}:{0.batch.split}:{0.batch.batch}"
    batch: Annotated[BatchRef, Meta(description="The batch and what it holds.")]
    generation: Generation
    counts: Annotated[BatchCounts, Meta(description="What became of its rows.")]


class BatchFailed(Message, frozen=True, kw_only=True):
    """The batch cannot go on until it is resumed; so cannot the runs that want it."""

    key_template = "{0.dataset_id}:{0.split}:{0.batch}"
    dataset_id: DatasetId
    dataset_no: DatasetNo
    split: SplitName
    batch: BatchNo
    generation: Generation
    counts: Annotated[BatchCounts, Meta(description="What became of its rows.")]
    reason: Code
    detail: Detail


class TrainingStarted(Message, frozen=True, kw_only=True):
    """A worker took the job."""

    key_template = "{0.job_id}"
    job_id: JobId
    model: ModelName
    attempt: Attempt
    training_set_sha256: Annotated[Sha256, Meta(description="The digest over the hashes of the job's batches.")]
    rows: Annotated[dict[Split, Rows], Meta(max_length=3, description="Rows that the job reads, by split.")]


class ModelTrained(Message, frozen=True, kw_only=True):
    """The job is done and its bundle lies in the object store."""

    key_template = "{0.job_id}"
    job_id: JobId
    model: ModelName
    attempt: Attempt
    model_id: ModelId
    feature_version: FeatureVersion
    duration_s: Annotated[Seconds, Meta(description="From the claim of this attempt to its end.")]


class ModelEvaluated(Message, frozen=True, kw_only=True):
    """The model was judged against the champion of that moment; a refusal is a normal outcome."""

    key_template = "{0.job_id}"
    job_id: JobId
    model: ModelName
    model_id: ModelId
    champion_epoch: Annotated[Epoch | None, Meta(description="The champion's epoch that the gate saw, if any.")]
    champion_model_id: Annotated[ModelId | None, Meta(description="The champion that the gate saw, if any.")]
    metrics: Annotated[
        dict[MetricName, Metric], Meta(max_length=100, description="Figures on the rows that the gate judges.")
    ]
    passed: Annotated[bool, Meta(description="Whether the gate lets the model through.")]
    refusals: Annotated[tuple[Code, ...], Meta(max_length=20, description="The rules that it did not meet.")]


class TrainingFailed(Message, frozen=True, kw_only=True):
    """The job ended without a model; a new command reopens it."""

    key_template = "{0.job_id}"
    job_id: JobId
    model: ModelName
    attempt: Annotated[int, Meta(ge=0, le=1_000_000, description="The attempts made; 0 when it never ran.")]
    reason: Code
    detail: Detail


class ReplacedModel(msgspec.Struct, frozen=True, kw_only=True):
    """The champion before."""

    epoch: Epoch
    model_id: ModelId


class ModelPromoted(Message, frozen=True, kw_only=True):
    """A model became the champion: what every predictor is to serve under this name."""

    key_template = "{0.model}"
    model: ModelName
    epoch: Epoch
    lineage: Lineage
    model_id: ModelId
    version: ModelVersion | None
    feature_version: FeatureVersion
    replaces: Annotated[ReplacedModel | None, Meta(description="The champion before; none for the first.")]
    reason: Why
    actor: Actor


ReplicaStatus = Literal["waiting", "loading", "serving", "stopping"]


class ReplicaReported(Message, frozen=True, kw_only=True):
    """A predictor lives; said every 5 seconds from its start."""

    key_template = "{0.replica}"
    replica: ReplicaName
    model: ModelName
    epoch: Annotated[Epoch | None, Meta(description="The epoch it serves; none before the first.")]
    lineage: Annotated[Lineage | None, Meta(description="The lineage of that epoch.")]
    model_id: Annotated[ModelId | None, Meta(description="The model it serves.")]
    feature_versions: Annotated[
        tuple[FeatureVersion, ...], Meta(min_length=1, max_length=10, description="The feature versions it can read.")
    ]
    status: Annotated[
        ReplicaStatus,
        Meta(description="waiting: no model yet; loading: a first or newer one; stopping: takes no more work."),
    ]


class ModelLoaded(Message, frozen=True, kw_only=True):
    """A predictor answers with this model from now on."""

    key_template = "{0.replica}"
    replica: ReplicaName
    model: ModelName
    epoch: Epoch
    lineage: Lineage
    model_id: ModelId
    duration_s: Annotated[Seconds, Meta(description="From reading the promotion to the swap.")]


class ModelLoadFailed(Message, frozen=True, kw_only=True):
    """A predictor could not take the model and keeps the one it has."""

    key_template = "{0.replica}"
    replica: ReplicaName
    model: ModelName
    epoch: Epoch
    lineage: Lineage
    model_id: ModelId
    reason: Code
    detail: Detail


Decision = Literal["high_risk", "low_risk"]
# Postgres takes no NUL; the largest encounter within its columns' bounds takes about 1,400 characters
InputText = Annotated[str, Meta(max_length=8_000, pattern=r"^[^\x00]*(?!\n)$")]


class PredictionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answered prediction."""

    prediction_id: Annotated[UUID, Meta(description="The id in the answer; a repeated request has the same.")]
    at: Annotated[Moment, Meta(description="When it was answered, by the replica's clock.")]
    model: ModelName
    model_id: ModelId
    epoch: Epoch
    probability: Annotated[Probability, Meta(description="Calibrated probability of readmission within 30 days.")]
    decision: Annotated[Decision, Meta(description="high_risk when the probability reaches the threshold.")]
    threshold: Annotated[Probability, Meta(description="The threshold of the model.")]
    input_sha256: Annotated[
        Sha256,
        Meta(description="SHA-256 of the encounter's bytes as received; in a batch, of that item alone."),
    ]
    input_json: Annotated[
        InputText | None, Meta(description="The encounter that was scored, as JSON; only from a replica that keeps it.")
    ] = None


class PredictionsMade(Message, frozen=True, kw_only=True):
    """Predictions that a replica answered: one chunk of a closed segment, the same whoever ships it."""

    key_template = "{0.replica}:{0.segment}:{0.chunk}"
    replica: ReplicaName
    segment: Annotated[UUID, Meta(description="The segment of the replica's spool.")]
    chunk: Annotated[int, Meta(ge=0, le=99_999, description="The chunk within the segment, from 0.")]
    records: Annotated[
        tuple[PredictionRecord, ...], Meta(min_length=1, max_length=1_000, description="In the order answered.")
    ]
