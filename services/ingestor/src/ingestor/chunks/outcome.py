"""Name what became of the rows and chunks of one group."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from readmit_contracts.reasons import Reason
from readmit_contracts.source import BATCH_ROWS, Split
from readmit_runtime.messages import IncomingRecord

from ingestor.chunks.rows import BadRow
from ingestor.parked import ParkedRecord

# A whole run of bad rows means a broken source, not a few bad patients.
CONSECUTIVE_BAD_ROWS = 20


class BatchKey(NamedTuple):
    """A batch within a generation; sorts in lock order."""

    dataset_no: int
    split: Split
    batch: int

    @property
    def row_range(self) -> tuple[int, int]:
        """The first and the last row number of a full batch."""
        return self.batch * BATCH_ROWS, (self.batch + 1) * BATCH_ROWS - 1


@dataclass(frozen=True)
class QuarantinedRow:
    """A row that can't be stored: where it belongs, what is wrong, its line in the chunk and the record it came in."""

    batch: BatchKey
    row_no: int
    bad: BadRow
    line: bytes
    record: IncomingRecord


@dataclass
class BatchCounts:
    """What a group adds to one batch, in rows; `fails_for` ends the batch whatever its counts."""

    published: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    fails_for: tuple[Reason, str] | None = None


@dataclass
class GroupOutcome:
    """What became of a group: counts by batch, records parked, chunks without effect, batches ended."""

    batches: dict[BatchKey, BatchCounts] = field(default_factory=dict)
    parked: list[ParkedRecord] = field(default_factory=list)
    quarantined: Counter[Reason] = field(default_factory=Counter)
    chunks_stored: int = 0
    chunks_repeated: int = 0
    chunks_outdated: int = 0
    batches_stored: int = 0
    batches_failed: int = 0

    def of(self, key: BatchKey) -> BatchCounts:
        """Give the counts of a batch, zeros at first."""
        return self.batches.setdefault(key, BatchCounts())

    def rows(self, kind: str) -> int:
        """Sum one count over the batches."""
        return sum(getattr(counts, kind) for counts in self.batches.values())


def longest_run(positions: Iterable[int]) -> int:
    """Give the length of the longest run of consecutive positions; positions ascend."""
    longest = current = 0
    previous: int | None = None
    for position in positions:
        current = current + 1 if previous is not None and position == previous + 1 else 1
        longest = max(longest, current)
        previous = position
    return longest
