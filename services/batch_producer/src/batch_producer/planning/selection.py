"""Resolve which batches a run is to have: what was asked for, against what the store holds of the dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from readmit_contracts.commands import BatchSelection, NextBatches
from readmit_contracts.fields import MAX_BATCHES
from readmit_contracts.reasons import Reason
from readmit_contracts.source import SPLITS, Split
from readmit_runtime.errors import Rejected

BatchState = Literal["planned", "stored", "clean", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """One batch of the store's current generation."""

    batch: int
    rows: int
    """Its planned rows."""
    state: BatchState = "planned"
    wanted: bool = False
    """An active run, planned or streaming, has it already."""

    @property
    def free(self) -> bool:
        """Whether "next n" may take it: there is work left, and nobody does it."""
        return self.state == "planned" and not self.wanted


Store = Mapping[Split, Sequence[BatchStatus]]
"""Every batch of the dataset, by split; a split's batches are numbered from 0 and in order."""

Selected = Mapping[Split, tuple[int, ...]]
"""A run's batches: splits in the order of `SPLITS`, each with its batches ascending and each batch once."""


def select(asked: Mapping[Split, BatchSelection], store: Store) -> Selected:
    """Return the batches of a run; a split that was asked for and has none left is there, and empty.

    Raises Rejected(REFUSED) for a batch that does not exist, and for more batches than one run may have.
    """
    selected = {split: _of_split(split, asked[split], store[split]) for split in SPLITS if split in asked}
    total = sum(len(batches) for batches in selected.values())
    if total > MAX_BATCHES:
        raise Rejected(
            Reason.REFUSED, f"The run would have {total} batches, {MAX_BATCHES} are the most; ask for fewer."
        )
    return selected


def planned_rows(selected: Selected, store: Store) -> int:
    """Return how many rows these batches were planned with."""
    return sum(store[split][batch].rows for split, batches in selected.items() for batch in batches)


def _of_split(split: Split, asked: BatchSelection, batches: Sequence[BatchStatus]) -> tuple[int, ...]:
    if asked == "all":
        return tuple(status.batch for status in batches)
    if isinstance(asked, NextBatches):
        return tuple(status.batch for status in batches if status.free)[: asked.next]
    wanted = sorted(set(asked))
    missing = [batch for batch in wanted if not 0 <= batch < len(batches)]
    if missing:
        has = f"numbered 0 to {len(batches) - 1}" if batches else "so it has none to ask for"
        raise Rejected(
            Reason.REFUSED, f"There is no batch {missing[0]} of {split}: the split has {len(batches)} batches, {has}."
        )
    return tuple(wanted)
