"""Register the JSON messages under their CloudEvents type, `readmit.<Name>.v1`."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from readmit_contracts import commands, events
from readmit_contracts.access import AccessKey
from readmit_contracts.chunks import Chunk
from readmit_contracts.fields import Message

MESSAGES: tuple[type[Message], ...] = (
    commands.StartIngestion,
    commands.CancelIngestion,
    commands.ResumeIngestion,
    commands.ResetStore,
    commands.RebuildClean,
    commands.TrainModel,
    commands.CancelTraining,
    commands.PromoteModel,
    commands.RollbackModel,
    events.IngestionPlanned,
    events.IngestionCompleted,
    events.IngestionFailed,
    events.IngestionCancelled,
    events.StoreReset,
    events.BatchStored,
    events.BatchCleaned,
    events.BatchFailed,
    events.TrainingStarted,
    events.ModelTrained,
    events.ModelEvaluated,
    events.TrainingFailed,
    events.ModelPromoted,
    events.ReplicaReported,
    events.ModelLoaded,
    events.ModelLoadFailed,
    events.PredictionsMade,
    AccessKey,
)


def ce_type(message_type: type[msgspec.Struct]) -> str:
    """Return the CloudEvents type of a message class. All are in their first version so far."""
    return f"readmit.{message_type.__name__}.v1"


TYPES: Mapping[str, type[Message]] = MappingProxyType({ce_type(message): message for message in MESSAGES})

CHUNK_TYPE = ce_type(Chunk)
