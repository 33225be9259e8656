"""Prove that a loaded model is the one that was trained: made-up encounters with the answers it gave then."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from readmit_contracts.fields import Probability

PROBABILITY_TOLERANCE = 1e-9  # exp differs in its last bits between machines; a wrong leaf differs by far more
MAX_ROWS = 1_000

Record = Mapping[str, int | str]


class GoldenRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One encounter as a prediction request has it, its encoded row (null is NaN), and the calibrated probability."""

    record: dict[str, int | str]
    features: tuple[float | None, ...]
    probability: Probability


class Golden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `golden.json`. The encounters are made up, so a bundle holds no patient's row."""

    rows: Annotated[tuple[GoldenRow, ...], Meta(min_length=1, max_length=MAX_ROWS)]


def golden_mismatches(golden: Golden, answer: Callable[[Record], tuple[Sequence[float], float]]) -> tuple[int, ...]:
    """Return the numbers of the golden rows that `answer` gets wrong, from 0; none when the model is as trained.

    `answer` gives the encoded row and the probability of a record. Features must be equal bit for bit, probabilities
    within `PROBABILITY_TOLERANCE`.
    """
    wrong = []
    for number, row in enumerate(golden.rows):
        features, probability = answer(row.record)
        if not (_same(features, row.features) and abs(probability - row.probability) <= PROBABILITY_TOLERANCE):
            wrong.append(number)
    return tuple(wrong)


def _same(features: Sequence[float], expected: Sequence[float | None]) -> bool:
    return len(features) == len(expected) and all(
        math.isnan(value) if wanted is None else value == wanted
        for value, wanted in zip(features, expected, strict=True)
    )
