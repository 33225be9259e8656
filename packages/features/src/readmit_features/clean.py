"""Turn a raw value into the clean one, as the clean tables hold it.

The clean tables are made by SQL (`readmit_contracts.tables.clean_select`); this is the same rule for one record, and a
test holds the two together.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from readmit_contracts.columns import COLUMNS, Column

from readmit_features.definition import Clean

Raw = int | str | None

CleanKind = Literal["integer", "bracket", "flag", "text"]

_TRUE_VALUES: Mapping[str, str] = MappingProxyType({"change": "Ch", "diabetes_med": "Yes"})
_BRACKETS = frozenset({"age", "weight"})


class ValueInvalid(ValueError):
    """A raw value that the column cannot hold; the text names the column, never the value."""


def clean_kind(column: Column) -> CleanKind:
    """Return what the clean tables hold of a column: an integer, a bracket's place, a flag or the text itself."""
    if column.sql_name in _TRUE_VALUES:
        return "flag"
    if column.sql_name in _BRACKETS:
        return "bracket"
    return "integer" if column.kind == "integer" else "text"


def clean_value(column: Column, raw: Raw) -> Clean:
    """Return the clean value, None for unknown.

    An integer may come as int or as its text. Raises ValueInvalid for what is no integer or no bracket; values of
    other columns are not checked.
    """
    if raw is None or raw in column.missing:
        return None
    kind = clean_kind(column)
    if kind == "integer":
        return _integer(column, raw)
    if kind == "bracket":
        return _bracket(column, raw)
    return raw == _TRUE_VALUES[column.sql_name] if kind == "flag" else raw


def _integer(column: Column, raw: int | str) -> int:
    try:
        return int(raw)
    except ValueError:
        problem = f"Column {column.sql_name} takes a whole number; check the record before encoding."
        raise ValueInvalid(problem) from None  # the cause would echo the value


def _bracket(column: Column, raw: int | str) -> int:
    for place, bracket in enumerate(column.known):
        if raw == bracket:
            return place
    raise ValueInvalid(f"Column {column.sql_name} takes one of its brackets; check the record before encoding.")


SOURCE_COLUMNS: Mapping[str, Column] = MappingProxyType({column.sql_name: column for column in COLUMNS})
