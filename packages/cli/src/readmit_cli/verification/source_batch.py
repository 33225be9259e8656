"""Take one batch out of the source file, as its chunks must look."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from readmit_contracts.chunks import CHUNK_HEADER_LINE, Chunk, cut
from readmit_contracts.source import BATCH_ROWS, CHUNK_ROWS, SourceFile, Split


@dataclass(frozen=True)
class SourceBatch:
    """One batch as the source file has it; its rows are numbered from `first_row` on."""

    split: Split
    batch: int
    dataset_no: int
    lines: list[bytes]
    chunks: tuple[Chunk, ...]

    @classmethod
    def take(
        cls, source: SourceFile, *, dataset_id: UUID, dataset_no: int, generation: int, split: Split, batch: int
    ) -> "SourceBatch":
        """Cut the batch anew; one past the end of the split has no rows."""
        first_row = batch * BATCH_ROWS
        lines = source.lines(split)[first_row : first_row + BATCH_ROWS]
        chunks = cut(
            lines,
            dataset_id=dataset_id,
            dataset_no=dataset_no,
            generation=generation,
            split=split,
            batch=batch,
            first_row=first_row,
        )
        return cls(split, batch, dataset_no, lines, tuple(chunks))

    @property
    def first_row(self) -> int:
        """The number of the first row."""
        return self.batch * BATCH_ROWS

    @property
    def rows(self) -> int:
        """How many rows the batch has."""
        return len(self.lines)

    def holds(self, row_no: int) -> bool:
        """Tell whether the batch has a row of this number."""
        return 0 <= row_no - self.first_row < self.rows

    def line(self, row_no: int) -> bytes:
        """Return a row's line in the file, without line end; the batch must hold the row."""
        return self.lines[row_no - self.first_row]

    def chunk_of(self, row_no: int) -> int:
        """Return the number of the chunk that a row number falls into."""
        return (row_no - self.first_row) // CHUNK_ROWS

    @cached_property
    def bodies(self) -> tuple[bytes, ...]:
        """The chunks' lines as they travel, without the header line; every line ends with LF."""
        return tuple(chunk.payload[len(CHUNK_HEADER_LINE) :] for chunk in self.chunks)

    def numbered(self, row_numbers: Iterator[int]) -> bytes:
        """Return the chunk lines of these rows, each with its LF."""
        return b"".join(b"%d,%d,%b\n" % (self.dataset_no, row_no, self.line(row_no)) for row_no in row_numbers)
