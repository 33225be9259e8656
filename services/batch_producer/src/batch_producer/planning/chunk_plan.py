"""Plan a dataset's chunks: how each is to be counted and what it must hash to."""

from dataclasses import dataclass

from readmit_contracts.chunks import cut
from readmit_contracts.source import SPLITS, SourceFile, Split


@dataclass(frozen=True, slots=True)
class PlannedChunk:
    """What the ledger expects of one chunk; `first_row` counts from 0 within the split."""

    split: Split
    batch: int
    chunk: int
    first_row: int
    rows: int
    sha256: str


def plan_chunks(source: SourceFile, dataset_no: int) -> list[PlannedChunk]:
    """Return every chunk of the dataset, in order; about 0.2 s of CPU for 100,000 rows, so call it in a thread.

    Raises DatasetInvalid(TOO_LARGE) for a file in which a chunk would have too many bytes.
    """
    return [
        PlannedChunk(chunk.split, chunk.batch, chunk.chunk, chunk.first_row, chunk.rows, chunk.sha256)
        for split in SPLITS
        for batch in source.batches(split)
        for chunk in cut(
            source.batch_lines(batch),
            dataset_id=source.dataset_id,
            dataset_no=dataset_no,
            generation=0,  # it travels in a header and is no part of the bytes
            split=split,
            batch=batch.batch,
            first_row=batch.first_row,
        )
    ]
