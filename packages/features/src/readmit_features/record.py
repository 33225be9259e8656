"""Encode raw encounters with plain lookups."""

import struct
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import getitem, itemgetter

import numpy as np
from numpy.typing import NDArray
from readmit_contracts.columns import Column

from readmit_features.clean import SOURCE_COLUMNS, Raw, clean_value
from readmit_features.definition import FEATURES, SOURCES, numbers
from readmit_features.vocabularies import Vocabularies

Addends = tuple[tuple[int, float], ...]
"""What a source value adds to the row: (position, number) pairs, without zeros."""

_COLUMNS = tuple(SOURCE_COLUMNS[name] for name in SOURCES)


class ColumnAbsent(LookupError):
    """The record lacks a column that features need; the text names it."""


class RecordEncoder:
    """Encodes a raw encounter into one row of its own, `row`, which each call overwrites, or many into a new matrix.

    `row` is float64 (features,) in `FEATURES` order and never moves, so its address may be handed out once. One thread
    uses it; `encode_many` may be called by any thread.
    """

    def __init__(self, vocabularies: Vocabularies) -> None:
        self.row: NDArray[np.float64] = np.zeros(len(FEATURES))
        packing = struct.Struct(f"{len(FEATURES)}d")
        self._write = packing.pack_into
        self._row_bytes = packing.size
        self._memory = self.row.data.cast("B")
        self._zeros = [0.0] * len(FEATURES)
        self._addends = tuple(_Addends(column, vocabularies) for column in _COLUMNS)
        self._by_sql_name = itemgetter(*(column.sql_name for column in _COLUMNS))

    def encode(self, record: Mapping[str, Raw]) -> NDArray[np.float64]:
        """Return `row`, filled from the record: raw values by SQL or file name, numbers as int or text.

        None and the column's marker mean unknown. Raises ColumnAbsent and `clean.ValueInvalid`; what else a column
        cannot hold counts as unseen.
        """
        self._write(self._memory, 0, *self._values(record))
        return self.row

    def encode_many(self, records: Sequence[Mapping[str, Raw]]) -> NDArray[np.float64]:
        """Return a new matrix, float64 (records, features), each row as `encode` gives it; raises the same."""
        rows = np.empty((len(records), len(FEATURES)))
        for number, record in enumerate(records):
            self._write(rows.data, number * self._row_bytes, *self._values(record))
        return rows

    def _values(self, record: Mapping[str, Raw]) -> list[float]:
        try:
            found = self._by_sql_name(record)
        except KeyError:
            found = tuple(_value(record, column) for column in _COLUMNS)
        values = self._zeros.copy()
        for position, number in chain.from_iterable(map(getitem, self._addends, found)):
            values[position] += number
        return values


def _value(record: Mapping[str, Raw], column: Column) -> Raw:
    for name in (column.sql_name, column.name):
        if name in record:
            return record[name]
    problem = f"The record has no column {column.sql_name}; give it, by this or its file name, None when unknown."
    raise ColumnAbsent(problem)


class _Addends(dict[Raw, Addends]):
    """What each raw value of one source column adds; one that was not expected is worked out, and not kept."""

    def __init__(self, column: Column, vocabularies: Vocabularies) -> None:
        self._column = column
        self._numbers = [
            (position, numbers(feature, vocabularies))
            for position, feature in enumerate(FEATURES)
            if column.sql_name in feature.columns
        ]
        super().__init__((raw, self[raw]) for raw in _frequent(column, vocabularies))

    def __missing__(self, raw: Raw) -> Addends:
        clean = clean_value(self._column, raw)
        pairs = [(position, number(clean)) for position, number in self._numbers]
        return tuple((position, number) for position, number in pairs if number != 0.0)


def _frequent(column: Column, vocabularies: Vocabularies) -> list[Raw]:
    """List the raw values worth knowing beforehand: all allowed ones, or those of the training rows."""
    if column.minimum is not None and column.maximum is not None:
        return list(range(column.minimum, column.maximum + 1))
    if column.allowed is not None:
        return [None, *column.allowed]
    return [None, *column.missing, *vocabularies[column.sql_name]]
