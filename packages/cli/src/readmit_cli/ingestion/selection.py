"""Read which batches of a split are wanted: `all`, `0,1` or `next:2`."""

from collections.abc import Mapping

from readmit_contracts.commands import BatchSelection, NextBatches
from readmit_contracts.fields import MAX_BATCHES
from readmit_contracts.source import SPLITS, Split

FORMS = "all, a list such as 0,1, or next:N"
_NEXT = "next:"
_LARGEST_BATCH = 99_999


class SelectionInvalid(ValueError):
    """The text names no batches; the message says which forms do."""


def parse(text: str) -> BatchSelection:
    """Return the selection that `text` writes; a list comes back ascending and without repeats."""
    stripped = text.strip()
    if stripped == "all":
        return "all"
    if stripped.startswith(_NEXT):
        count = _number(stripped.removeprefix(_NEXT))
        if not 1 <= count <= MAX_BATCHES:
            raise SelectionInvalid(f"next:N takes 1 to {MAX_BATCHES} batches.")
        return NextBatches(next=count)
    batches = sorted({_number(part) for part in stripped.split(",")})
    if batches[-1] > _LARGEST_BATCH or len(batches) > MAX_BATCHES:
        raise SelectionInvalid(f"A list has at most {MAX_BATCHES} batches, numbered 0 to {_LARGEST_BATCH}.")
    return tuple(batches)


def requested(options: Mapping[Split, str | None]) -> dict[Split, BatchSelection]:
    """Return what the options ask for, by split; without any option, everything."""
    given = {split: parse(text) for split in SPLITS if (text := options.get(split)) is not None}
    return given or dict.fromkeys(SPLITS, "all")


def _number(text: str) -> int:
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdecimal() and len(stripped) <= len(str(_LARGEST_BATCH))):
        raise SelectionInvalid(f"Batches are given as {FORMS}; numbers count from 0.")
    return int(stripped)
