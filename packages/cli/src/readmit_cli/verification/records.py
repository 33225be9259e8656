"""Name what the store's tables say of a run and its batches, as a check reads them."""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec
from readmit_contracts.commands import BatchSelection
from readmit_contracts.source import BATCH_ROWS, Split

from readmit_cli.verification.findings import Terms

AsideOutcome = Literal["duplicate", "quarantined", "discarded"]


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A run with what it was asked for, the dataset it reads and the store's generation now."""

    run_id: UUID
    state: str
    generation: int
    store_generation: int
    dataset_no: int
    dataset_id: UUID
    file_sha256: str
    dataset_rows: int
    requested: Mapping[Split, BatchSelection]


class BatchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of the run with its counters, `counted.planned` among them."""

    generation: int
    dataset_no: int
    split: Split
    batch: int
    state: str
    sha256: str | None
    counted: Terms

    @property
    def first_row(self) -> int:
        """The number of its first row."""
        return self.batch * BATCH_ROWS

    @property
    def last_row(self) -> int:
        """The highest row number that a batch of this number could have."""
        return self.first_row + BATCH_ROWS - 1


class ChunkRecord(NamedTuple):
    """A chunk as planned or as it arrived; the ledger does not repeat `first_row`."""

    chunk: int
    rows: int
    sha256: str
    first_row: int | None = None


class Fault(NamedTuple):
    """Why a row is in quarantine: the rule, the column and its text, None where the line has no such field."""

    reason: str
    field: str | None
    value: str | None


class AsideRow(NamedTuple):
    """A row that was set aside, and what its record keeps of it.

    `kept` is the fields of the row as the source wrote them, joined by commas: of a duplicate those of the row that
    was there first, None when that one is gone; None too where the record names another row. `fault` is what the
    record of a row in quarantine says against it.
    """

    row_no: int
    batch: int
    outcome: AsideOutcome
    kept: bytes | None
    fault: Fault | None = None


class RawRow(NamedTuple):
    """A row of a raw table: its number and the texts of the 50 columns."""

    row_no: int
    texts: tuple[str, ...]


class CleanRow(NamedTuple):
    """What is at one row number of a clean table: rows as derived again, and rows as they stand."""

    row_no: int
    derived: list[tuple[object, ...]]
    present: list[tuple[object, ...]]


class StrayRows(NamedTuple):
    """How many rows of a table belong to no batch of the store."""

    table: str
    rows: int
