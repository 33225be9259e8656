"""Name batches in messages, and give a set of them one digest."""

import hashlib
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from readmit_contracts.fields import MAX_BATCHES, BatchNo, DatasetId, DatasetNo, Rows, Sha256, SplitName


class BatchRef(msgspec.Struct, frozen=True, kw_only=True):
    """A clean batch and what it holds."""

    dataset_id: DatasetId
    dataset_no: DatasetNo
    split: SplitName
    batch: BatchNo
    rows: Annotated[Rows, Meta(description="Rows of the batch in the raw table.")]
    sha256: Annotated[Sha256, Meta(description="The content hash over these rows, see content_sha256.")]


class BatchCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch's rows: published = stored + duplicate + quarantined + discarded."""

    planned: Annotated[Rows, Meta(description="Rows of the batch in the dataset.")]
    published: Annotated[Rows, Meta(description="Rows of the chunks that have arrived, each chunk once.")]
    stored: Annotated[Rows, Meta(description="Rows in the raw table.")]
    duplicate: Annotated[Rows, Meta(description="Rows that stood in the store already, with the same content.")]
    quarantined: Annotated[Rows, Meta(description="Rows set aside.")]
    discarded: Annotated[Rows, Meta(description="Rows set aside and given up.")]


QUARANTINE_LIMIT_PERCENT = 1  # above one row in a hundred the source is at fault, not a patient's record


def over_quarantine_limit(*, quarantined: int, planned: int) -> bool:
    """Tell whether a batch of `planned` rows has too many open quarantine rows to go on."""
    return quarantined * 100 > planned * QUARANTINE_LIMIT_PERCENT


Batches = Annotated[tuple[BatchRef, ...], Meta(max_length=MAX_BATCHES)]


def content_sha256(lines: Iterable[bytes]) -> str:
    """Return a batch's content hash: SHA-256 over its stored rows' chunk lines in row order, each ended by LF.

    A chunk line is `dataset_no,row_no,` and the file's line. `tables.content_expression` says the same in SQL.
    """
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line + b"\n")
    return digest.hexdigest()


def batches_sha256(batches: Iterable[BatchRef]) -> str:
    """Return one digest over the hashes of these batches, the same in whatever order they come."""
    lines = sorted(f"{ref.dataset_id},{ref.split},{ref.batch:05},{ref.rows},{ref.sha256}\n" for ref in batches)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
