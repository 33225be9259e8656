"""Make up the golden rows of a bundle."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from readmit_contracts.columns import Column
from readmit_contracts.golden import Golden, GoldenRow, Record
from readmit_contracts.predictions import REQUEST_COLUMNS
from readmit_features.factors import CleanColumns

GOLDEN_ROWS: Final = 32

Answer = Callable[[Record], tuple[Sequence[float], float]]


def make_golden(columns: CleanColumns, answer: Answer) -> Golden:
    """Return golden rows for the model that `answer` asks, made up from the training rows' clean columns.

    Every value is drawn by itself, so a golden row is no patient's. The first knows nothing; of the rest, every other
    one has each choice at the column's example, to be more like an ordinary encounter. No randomness: the same columns
    and model give the same rows.
    """
    return Golden(rows=tuple(_row(_record(number, columns), answer) for number in range(GOLDEN_ROWS)))


def _record(number: int, columns: CleanColumns) -> dict[str, int | str]:
    return {column.name: _value(number, column, columns) for column in REQUEST_COLUMNS}


def _value(number: int, column: Column, columns: CleanColumns) -> int | str:
    if number == 0 and column.missing:
        return column.missing[0]
    if column.allowed is not None:
        return column.example if number % 2 else column.allowed[_draw(number, column, len(column.allowed))]
    seen = columns[column.sql_name]
    return _raw(column, seen, _draw(number, column, len(seen)))


def _raw(column: Column, seen: NDArray[Any], place: int) -> int | str:
    value = seen[place]
    if column.kind == "integer":
        return int(value)
    return column.missing[0] if value is None else str(value)


def _draw(number: int, column: Column, choices: int) -> int:
    """Return a place below `choices` that depends on nothing but the row and the column."""
    return int(hashlib.sha256(f"golden:{number}:{column.name}".encode()).hexdigest()[:12], 16) % choices


def _row(record: dict[str, int | str], answer: Answer) -> GoldenRow:
    features, probability = answer(record)
    return GoldenRow(
        record=record,
        features=tuple(None if np.isnan(value) else value for value in features),
        probability=probability,
    )
