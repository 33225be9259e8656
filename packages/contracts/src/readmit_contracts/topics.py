"""Name the topics, once: what each carries, who writes and reads it, how long it keeps it.

Topics, access rules and the AsyncAPI document are generated from `TOPICS`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from readmit_contracts import access, commands, events
from readmit_contracts.chunks import Chunk
from readmit_contracts.source import Split

Principal = Literal["airflow", "cli", "batch_producer", "ingestor", "trainer", "predictor"]


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic. `key` says what its messages are keyed by; `retention_days` is None for a compacted one."""

    name: str
    key: str
    messages: tuple[type[msgspec.Struct], ...]
    writers: tuple[Principal, ...]
    readers: tuple[Principal, ...]
    partitions_local: int
    partitions_production: int
    cleanup: Literal["delete", "compact"] = "delete"
    retention_days: int | None = 30
    timestamp: Literal["CreateTime", "LogAppendTime"] = "CreateTime"
    description: str


INGESTION_COMMANDS = Topic(
    name="readmit.ingestion.commands.v1",
    key="store",
    messages=(
        commands.StartIngestion,
        commands.CancelIngestion,
        commands.ResumeIngestion,
        commands.ResetStore,
    ),
    writers=("airflow", "cli", "batch_producer"),
    readers=("batch_producer",),
    partitions_local=1,
    partitions_production=1,
    description="What the store is to take in, in one order.",
)

QUARANTINE_COMMANDS = Topic(
    name="readmit.quarantine.commands.v1",
    key="store",
    messages=(commands.RebuildClean,),
    writers=("airflow", "cli"),
    readers=("ingestor",),
    partitions_local=1,
    partitions_production=1,
    description="What is to be put right in the store, in one order.",
)


def _batches(split: Split) -> Topic:
    return Topic(
        name=f"readmit.batches.{split}.v1",
        key="dataset_id:batch:chunk",
        messages=(Chunk,),
        writers=("batch_producer",),
        readers=("ingestor",),
        partitions_local=6,
        partitions_production=12,
        retention_days=7,
        description=f"The rows of the {split} split, as chunks of CSV.",
    )


BATCHES: Mapping[Split, Topic] = MappingProxyType(
    {"train": _batches("train"), "validation": _batches("validation"), "test": _batches("test")}
)

INGESTION_EVENTS = Topic(
    name="readmit.ingestion.events.v1",
    key="run_id, dataset_id:split:batch, or store",
    messages=(
        events.IngestionPlanned,
        events.IngestionCompleted,
        events.IngestionFailed,
        events.IngestionCancelled,
        events.StoreReset,
        events.BatchStored,
        events.BatchCleaned,
        events.BatchFailed,
    ),
    writers=("batch_producer", "ingestor"),
    readers=("trainer", "airflow", "cli"),
    partitions_local=3,
    partitions_production=6,
    description="What became of runs and batches; no order between the two.",
)

TRAINING_COMMANDS = Topic(
    name="readmit.training.commands.v1",
    key="model",
    messages=(commands.TrainModel, commands.CancelTraining),
    writers=("airflow", "cli"),
    readers=("trainer",),
    partitions_local=1,
    partitions_production=1,
    description="What is to be trained.",
)

TRAINING_EVENTS = Topic(
    name="readmit.training.events.v1",
    key="job_id",
    messages=(events.TrainingStarted, events.ModelTrained, events.ModelEvaluated, events.TrainingFailed),
    writers=("trainer",),
    readers=("airflow", "cli"),
    partitions_local=3,
    partitions_production=6,
    description="What became of training jobs.",
)

MODELS_COMMANDS = Topic(
    name="readmit.models.commands.v1",
    key="model",
    messages=(commands.PromoteModel, commands.RollbackModel),
    writers=("airflow", "cli", "trainer"),
    readers=("trainer",),
    partitions_local=1,
    partitions_production=1,
    description="Which model is to serve.",
)

MODELS_PROMOTED = Topic(
    name="readmit.models.promoted.v1",
    key="model",
    messages=(events.ModelPromoted,),
    writers=("trainer",),
    readers=("predictor", "trainer"),
    partitions_local=1,
    partitions_production=1,
    cleanup="compact",
    retention_days=None,
    description="The champion of each model name; the last message holds.",
)

MODELS_LOADED = Topic(
    name="readmit.models.loaded.v1",
    key="replica",
    messages=(events.ReplicaReported, events.ModelLoaded, events.ModelLoadFailed),
    writers=("predictor",),
    readers=("trainer", "airflow", "cli"),
    partitions_local=1,
    partitions_production=3,
    retention_days=7,
    timestamp="LogAppendTime",
    description="Which replica lives and serves what, timed by the broker.",
)

PREDICTIONS = Topic(
    name="readmit.predictions.v1",
    key="replica:segment:chunk",
    messages=(events.PredictionsMade,),
    writers=("predictor",),
    readers=("ingestor",),
    partitions_local=3,
    partitions_production=12,
    description="Every answered prediction.",
)

ACCESS_KEYS = Topic(
    name="readmit.access.keys.v1",
    key="key_id",
    messages=(access.AccessKey,),
    writers=("cli",),
    readers=("predictor", "cli"),
    partitions_local=1,
    partitions_production=1,
    cleanup="compact",
    retention_days=None,
    description="Who may ask a predictor; the last message of a key holds, one without a value revokes it.",
)

TOPICS: tuple[Topic, ...] = (
    INGESTION_COMMANDS,
    QUARANTINE_COMMANDS,
    *BATCHES.values(),
    INGESTION_EVENTS,
    TRAINING_COMMANDS,
    TRAINING_EVENTS,
    MODELS_COMMANDS,
    MODELS_PROMOTED,
    MODELS_LOADED,
    PREDICTIONS,
    ACCESS_KEYS,
)


def dead_letter(topic: Topic) -> Topic:
    """Return the topic that holds what a reader of `topic` parked: the original bytes, why and where in headers."""
    return Topic(
        name=f"{topic.name}.dlq",
        key=topic.key,
        messages=topic.messages,
        writers=topic.readers,
        readers=("cli",),
        partitions_local=1,
        partitions_production=3,
        description=f"Parked messages of {topic.name}.",
    )


EVERY_TOPIC: tuple[Topic, ...] = (*TOPICS, *(dead_letter(topic) for topic in TOPICS))


def topic(name: str) -> Topic:
    """Return the topic of that name; raises KeyError. Dead letter topics are not looked up here."""
    return _BY_NAME[name]


_BY_NAME: Mapping[str, Topic] = MappingProxyType({topic.name: topic for topic in TOPICS})
