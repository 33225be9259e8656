"""Count how far a run is in each of its splits."""

from collections.abc import Sequence

import msgspec
from readmit_contracts.source import SPLITS, Split

from readmit_cli.status_rows import BatchStatus


class SplitProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The batches of a run in one split: rows that have arrived and that were planned, batches that are clean."""

    split: Split
    published: int
    planned_rows: int
    clean_batches: int
    batches: int

    @property
    def said(self) -> str:
        """What there is to say beside the rows."""
        return f"{self.clean_batches}/{self.batches} batches clean"


def by_split(batches: Sequence[BatchStatus]) -> tuple[SplitProgress, ...]:
    """Return a run's progress in each split of which it has batches."""
    of = {split: [batch for batch in batches if batch.split == split] for split in SPLITS}
    return tuple(
        SplitProgress(
            split=split,
            published=sum(batch.published for batch in own),
            planned_rows=sum(batch.planned_rows for batch in own),
            clean_batches=sum(batch.state == "clean" for batch in own),
            batches=len(own),
        )
        for split, own in of.items()
        if own
    )
