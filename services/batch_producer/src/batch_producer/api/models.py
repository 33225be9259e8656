"""Shape the answers of the REST API."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from readmit_contracts.fields import Wish
from readmit_contracts.source import Split

from batch_producer.planning.selection import BatchState

RunState = Literal["planned", "streaming", "completed", "cancelled", "failed"]
Rows = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(frozen=True)


class SplitInfo(Answer):
    """One split of the dataset."""

    split: Split = Field(description="All stays of one patient are in one split.", examples=["validation"])
    rows: Rows = Field(description="Rows of the split.", examples=[20442])
    batches: int = Field(ge=0, description="Batches of 15,000 rows, the last one shorter.", examples=[2])


class DatasetInfo(Answer):
    """The dataset that the batch producer streams."""

    dataset_id: UUID = Field(description="From the file's digest and the rules by which it is cut.")
    sha256: str = Field(description="SHA-256 of the file.")
    real: bool = Field(
        description="True for the Diabetes 130-US Hospitals file; false for any other, such as the synthetic stand-in."
    )
    rows: Rows = Field(description="Rows of the file.", examples=[101766])
    columns: int = Field(description="Columns of the file; see /v1/dataset/columns.", examples=[50])
    splits: list[SplitInfo] = Field(description="train, validation, test.")


class ColumnInfo(Answer):
    """One column of the file."""

    name: str = Field(description="Its name in the file.", examples=["time_in_hospital"])
    sql_name: str = Field(description="Its name in the tables.", examples=["time_in_hospital"])
    kind: Literal["integer", "text"] = Field(description="What its values are.")
    missing: list[str] = Field(description="Values that mean unknown.", examples=[["?"]])
    minimum: int | None = Field(description="Smallest valid number.", examples=[1])
    maximum: int | None = Field(description="Largest valid number.", examples=[14])
    allowed: list[str] | None = Field(description="The valid values, where they are a list.")
    pattern: str | None = Field(description="The form of a valid value, where it is one.")
    unit: str | None = Field(description="What is counted.", examples=["days"])
    description: str = Field(description="What it says.")
    example: str = Field(description="A valid value.", examples=["3"])
    in_request: bool = Field(description="Whether a prediction request has it.")


class BatchInfo(Answer):
    """One batch of a split."""

    batch: int = Field(ge=0, description="Its number, from 0.", examples=[1])
    first_row: Rows = Field(description="The number of its first row within the split.", examples=[15000])
    size: Rows = Field(description="How many rows it has.", examples=[5442])


class SplitBatches(Answer):
    """The batches of a split."""

    split: Split
    rows: Rows = Field(description="Rows of all of them.", examples=[20442])
    count: int = Field(ge=0, description="How many there are.", examples=[2])
    batches: list[BatchInfo]


class Progress(Answer):
    """How many rows are where: published = stored + duplicate + quarantined + discarded, and the rest is missing."""

    planned_rows: Rows = Field(description="Rows that are to arrive.", examples=[15000])
    published: Rows = Field(description="Rows that arrived and are accounted for.", examples=[7500])
    missing: Rows = Field(description="Planned and not published.", examples=[7500])
    stored: Rows = Field(description="Rows in the raw table.", examples=[7498])
    duplicate: Rows = Field(description="Rows that stood there already, with the same content.", examples=[0])
    quarantined: Rows = Field(description="Rows set aside.", examples=[2])
    discarded: Rows = Field(description="Rows set aside and given up.", examples=[0])
    percent: float = Field(ge=0, le=100, description="Published rows of the planned ones, rounded down.", examples=[50])


class Run(Progress):
    """A run: batches asked for by one command, and what has become of them."""

    run_id: UUID
    command_id: UUID = Field(description="The command that asked for it.")
    generation: int = Field(description="The store's generation; an earlier one was reset since.", examples=[1])
    dataset_id: UUID
    requested: dict[str, object] = Field(description="What the command asked for.", examples=[{"train": "all"}])
    then: Wish = Field(description="What follows its completion.")
    state: RunState
    reason: str | None = Field(description="Why it failed or was cancelled, for programs.", examples=[None])
    detail: str | None = Field(description="Why, for people.", examples=[None])
    batches: int = Field(ge=0, description="Batches of the run.", examples=[5])
    clean_batches: int = Field(ge=0, description="Those of them that are clean.", examples=[2])
    planned_at: datetime
    streaming_at: datetime | None = Field(description="When streaming first began.")
    sent_at: datetime | None = Field(description="When every chunk was confirmed by Kafka.")
    finished_at: datetime | None = Field(description="When it was completed, cancelled or failed.")


class BatchProgress(Progress):
    """One batch of a run, and what has become of it, through this run or another."""

    split: Split
    batch: int = Field(ge=0, examples=[0])
    state: BatchState
    reason: str | None = Field(description="Why it failed, for programs.", examples=[None])
    detail: str | None = Field(description="Why, for people.", examples=[None])


class RunDetail(Run):
    """A run with each of its batches."""

    batch_progress: list[BatchProgress] = Field(description="By split and number.")


class Runs(Answer):
    """Runs, the latest first."""

    runs: list[Run]


class CommandResult(Answer):
    """What became of a command."""

    command_id: UUID
    command_type: str = Field(examples=["readmit.StartIngestion.v1"])
    outcome: Literal["accepted", "applied", "rejected"] = Field(
        description="accepted: its work goes on, see the subject; applied: it is done; rejected: nothing was done."
    )
    reason: str | None = Field(description="Why it was rejected, for programs.", examples=["REFUSED"])
    detail: str | None = Field(description="Why, for people.")
    subject: str | None = Field(description="What it made or changed: a run's id, a generation.")
    recorded_at: datetime


class Accepted(Answer):
    """A command that was published and will be done in its turn."""

    command_id: UUID = Field(description="Look at /v1/commands/{command_id} for what became of it.")
    run_id: UUID = Field(description="The run it makes or changes; see /v1/runs/{run_id} once it had its turn.")


def percent(*, published: int, planned: int) -> float:
    """Return the share in percent to one decimal place, rounded down, so that 100 means all; all of nothing is 100."""
    return published * 1000 // planned / 10 if planned else 100.0
