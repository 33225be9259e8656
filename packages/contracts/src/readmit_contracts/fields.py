"""Bound and describe the kinds of value that message fields have."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from readmit_contracts.source import Split

MAX_BATCHES = 2_000  # 30 million rows; an event that names as many batches twice stays under a message's 1 MiB
DEFAULT_MODEL = "readmission"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a Kafka message: JSON, its fields in the order declared."""

    key_template: ClassVar[str]

    def key(self) -> str:
        """Return the key under which the message is published; messages of one key keep their order."""
        return self.key_template.format(self)


Wish = Literal["nothing", "train", "train_and_promote"]
TrainingWish = Literal["train", "train_and_promote"]
MetricName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}(?!\n)$")]

RunId = Annotated[UUID, Meta(description="The run: uuid5 of the command that asked for it.")]
CommandId = Annotated[UUID, Meta(description="The command that this comes from: its ce_id.")]
DatasetId = Annotated[UUID, Meta(description="The dataset: uuid5 of the file's SHA-256 and the cutting rules.")]
JobId = Annotated[UUID, Meta(description="The training job: uuid5 of everything that its result depends on.")]
Lineage = Annotated[UUID, Meta(description="The database's lineage; epochs compare within one.")]

DatasetNo = Annotated[int, Meta(ge=0, le=32_767, description="The dataset's small number in the store's rows.")]
Generation = Annotated[int, Meta(ge=0, le=2**31 - 1, description="How often the store was reset.")]
BatchNo = Annotated[int, Meta(ge=0, le=99_999, description="The batch, from 0 within its split.")]
Rows = Annotated[int, Meta(ge=0, le=2**31 - 1, description="A number of rows.")]
Attempt = Annotated[int, Meta(ge=1, le=1_000_000, description="Which attempt at the job, from 1.")]
Epoch = Annotated[int, Meta(ge=1, le=2**53 - 1, description="The promotion's number, rising within a lineage.")]
FeatureVersion = Annotated[int, Meta(ge=1, le=10_000, description="The version of the feature definition.")]
Seconds = Annotated[float, Meta(ge=0, le=1e9, description="A duration in seconds.")]
Metric = Annotated[float, Meta(ge=-1e9, le=1e9)]
Probability = Annotated[float, Meta(ge=0, le=1, description="A probability, 0 to 1.")]
Moment = Annotated[datetime, Meta(tz=True, description="A moment with its offset from UTC.")]

SplitName = Annotated[Split, Meta(description="The split.")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$", description="A SHA-256 as 64 hex digits.")]
ModelId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$", description="The SHA-256 of the bundle's manifest.")]
ModelName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}(?!\n)$", description="The name under which models compete.")
]
ModelVersion = Annotated[
    str,
    Meta(pattern=r"^[1-9][0-9]{0,9}(?!\n)$", description="The version in the model registry; none before it has one."),
]
ReplicaName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?!\n)$", description="The predictor process.")
]
Code = Annotated[
    str, Meta(pattern=r"^[A-Z][A-Z0-9_]{1,39}(?!\n)$", description="A reason code; see reasons.py for those in use.")
]
Detail = Annotated[str, Meta(max_length=500, description="What happened and what to do next; never a row's value.")]
_LINE = r"^[^\x00-\x1f\x7f]*(?!\n)$"
Why = Annotated[str, Meta(min_length=1, max_length=200, pattern=_LINE, description="Why, in the actor's words.")]
Actor = Annotated[
    str,
    Meta(min_length=1, max_length=100, pattern=_LINE, description="Who wants it: a person or a service."),
]
