"""Name what a check of a run finds: terms of the sum, differences, and the verdict over all."""

from typing import Literal
from uuid import UUID

import msgspec
from readmit_contracts.source import Split

KEPT_DIFFERENCES = 1_000

Verdict = Literal["verified", "differs", "incomplete"]


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is not as it must be, and where; `what` never holds a value of a row.

    Rows are numbered from 0 within their split, batches within the split, chunks within the batch.
    """

    table: str
    what: str
    split: Split | None = None
    batch: int | None = None
    chunk: int | None = None
    row_no: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        """Return a sentence for people."""
        places = (
            ("", self.split),
            ("batch ", self.batch),
            ("chunk ", self.chunk),
            ("row ", self.row_no),
            ("column ", self.column),
        )
        where = ", ".join(f"{kind}{place}" for kind, place in places if place is not None)
        return f"{self.table}: {where}: {self.what}" if where else f"{self.table}: {self.what}"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of the sum, in rows: published = stored + duplicate + quarantined + discarded."""

    planned: int = 0
    published: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    discarded: int = 0

    @property
    def missing(self) -> int:
        """Planned rows that have not arrived."""
        return self.planned - self.published

    @property
    def accounted(self) -> int:
        """Rows that have an outcome."""
        return self.stored + self.duplicate + self.quarantined + self.discarded

    def __add__(self, other: "Terms") -> "Terms":
        """Return the terms of both together."""
        return Terms(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class BatchReport(msgspec.Struct, frozen=True, kw_only=True):
    """One batch as it was found; `terms` are counted anew, `sha256` is the content hash derived anew."""

    split: Split
    batch: int
    state: str
    terms: Terms
    sha256: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of a run found. `batches_sha256` is None until every batch is clean."""

    run_id: UUID
    run_state: str
    generation: int
    dataset_id: UUID
    dataset_no: int
    dataset_sha256: str
    batches: tuple[BatchReport, ...]
    batches_sha256: str | None
    differences: tuple[Difference, ...]
    differences_total: int
    verdict: Verdict

    def terms(self, split: Split | None = None) -> Terms:
        """Return the sum's terms of one split, or of the whole run."""
        reports = [batch.terms for batch in self.batches if split in (None, batch.split)]
        return sum(reports, Terms())


class Findings:
    """Collects differences: counts all of them and keeps the first."""

    def __init__(self, keep: int = KEPT_DIFFERENCES) -> None:
        self._keep = keep
        self.kept: list[Difference] = []
        self.total = 0

    def add(self, difference: Difference) -> None:
        """Count a difference, and keep it while there is room."""
        self.total += 1
        if len(self.kept) < self._keep:
            self.kept.append(difference)
