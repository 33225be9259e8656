"""Encode one raw encounter with plain lookups."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from readmit_contracts.columns import Column

from readmit_features.clean import SOURCE_COLUMNS, Raw, clean_value
from readmit_features.definition import FEATURES, SOURCES, numbers
from readmit_features.vocabularies import Vocabularies

Addends = tuple[tuple[int, float], ...]
"""What a source value adds to the row: (position, number) pairs, without zeros."""


class ColumnAbsent(LookupError):
    """The record lacks a column that features need; the text names it."""


class RecordEncoder:
    """Encodes raw encounters into one row of its own, `row`, which each call overwrites.

    `row` is float64 (features,) in `FEATURES` order and never moves, so its address may be handed out once. An instance
    serves one thread.
    """

    def __init__(self, vocabularies: Vocabularies) -> None:
        self.row: NDArray[np.float64] = np.zeros(len(FEATURES))
        self._zeros = [0.0] * len(FEATURES)
        self._sources = [_Source(SOURCE_COLUMNS[name], vocabularies) for name in SOURCES]

    def encode(self, record: Mapping[str, Raw]) -> NDArray[np.float64]:
        """Return `row`, filled from the record: raw values by SQL or file name, numbers as int or text.

        None and the column's marker mean unknown. Raises ColumnAbsent and `clean.ValueInvalid`; what else a column
        cannot hold counts as unseen.
        """
        values = self._zeros.copy()
        for source in self._sources:
            for position, number in source.addends(record):
                values[position] += number
        self.row[:] = values
        return self.row


class _Source:
    """One source column: what each of its values adds, looked up by the raw value."""

    def __init__(self, column: Column, vocabularies: Vocabularies) -> None:
        self._column = column
        self._numbers = [
            (position, numbers(feature, vocabularies))
            for position, feature in enumerate(FEATURES)
            if column.sql_name in feature.columns
        ]
        self._known = {raw: self._addends(raw) for raw in _frequent(column, vocabularies)}

    def addends(self, record: Mapping[str, Raw]) -> Addends:
        raw = record[self._column.sql_name] if self._column.sql_name in record else self._by_file_name(record)
        known = self._known.get(raw)
        return self._addends(raw) if known is None else known

    def _by_file_name(self, record: Mapping[str, Raw]) -> Raw:
        if self._column.name not in record:
            name = self._column.sql_name
            raise ColumnAbsent(
                f"The record has no column {name}; give it, by this or its file name, None when unknown."
            )
        return record[self._column.name]

    def _addends(self, raw: Raw) -> Addends:
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
