"""Name what the status views show, as the rest of the command line reads it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from readmit_contracts.source import Split

RunState = Literal["planned", "streaming", "completed", "cancelled", "failed"]
BatchState = Literal["planned", "stored", "clean", "failed"]

ACTIVE: tuple[RunState, ...] = ("planned", "streaming")


class CommandStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command: accepted (work goes on), applied (done) or rejected (nothing was done)."""

    command_id: UUID
    consumer: str
    command_type: str
    outcome: Literal["accepted", "applied", "rejected"]
    reason: str | None
    detail: str | None
    subject: str | None
    recorded_at: datetime


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One run and the rows of its batches; `requested` is as the command asked, by split."""

    run_id: UUID
    command_id: UUID
    generation: int
    dataset_id: UUID
    requested: dict[Split, Any]
    then: str
    state: RunState
    reason: str | None
    detail: str | None
    batches: int
    clean_batches: int
    planned_rows: int
    published: int
    missing: int
    stored: int
    duplicate: int
    quarantined: int
    discarded: int
    planned_at: datetime
    streaming_at: datetime | None
    sent_at: datetime | None
    finished_at: datetime | None

    @property
    def active(self) -> bool:
        """Whether the run is still under way."""
        return self.state in ACTIVE


class BatchStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One batch of one generation of the store."""

    generation: int
    dataset_id: UUID
    dataset_no: int
    split: Split
    batch: int
    state: BatchState
    planned_rows: int
    published: int
    missing: int
    stored: int
    duplicate: int
    quarantined: int
    discarded: int
    reason: str | None
    detail: str | None
    sha256: str | None
    planned_at: datetime
    stored_at: datetime | None
    clean_at: datetime | None


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The store as a whole."""

    generation: int
    split_rule: str
    reset_at: datetime | None
    schema_revision: str


class TableStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the store and its rows."""

    table_name: str
    rows: int
