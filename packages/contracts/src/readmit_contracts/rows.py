"""Check one value, one row or one line against the columns.

This is the reference: slow, plain and exact about what is wrong. A faster check must agree with it.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from readmit_contracts.columns import COLUMNS, Column
from readmit_contracts.reasons import Reason

_CANONICAL_INTEGER = re.compile(r"0|[1-9][0-9]{0,9}")
_LONG_INTEGER = re.compile(r"[1-9][0-9]{10,}")
_ALLOWED: Mapping[str, frozenset[str]] = MappingProxyType(
    {column.name: frozenset(column.allowed) for column in COLUMNS if column.allowed is not None}
)
_PATTERNS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {column.name: re.compile(column.pattern) for column in COLUMNS if column.pattern is not None}
)


def check_value(column: Column, text: str) -> Reason | None:
    """Return why `text` cannot stand in `column`, None when it can.

    An integer is `0` or digits without a leading zero, within the column's range.
    """
    if column.kind == "integer":
        return _check_integer(column, text)
    allowed = _ALLOWED.get(column.name)
    if allowed is not None:
        return None if text in allowed else Reason.NOT_ALLOWED
    return None if _PATTERNS[column.name].fullmatch(text) else Reason.PATTERN_MISMATCH


def _check_integer(column: Column, text: str) -> Reason | None:
    if _CANONICAL_INTEGER.fullmatch(text) is None:
        # a number of any length is a number; int() is not asked to read a long one
        return Reason.OUT_OF_RANGE if _LONG_INTEGER.fullmatch(text) else Reason.NOT_AN_INTEGER
    number = int(text)
    if (column.minimum is not None and number < column.minimum) or (
        column.maximum is not None and number > column.maximum
    ):
        return Reason.OUT_OF_RANGE
    return None


def check_row(fields: Sequence[str]) -> tuple[Reason, str] | None:
    """Return the first thing wrong with a row and the name of its column, None for a good row.

    `fields` are the line's texts in file order, without dataset and row number. Of too few fields the first absent
    column is named, of too many the last column.
    """
    if len(fields) < len(COLUMNS):
        return Reason.MISSING_COLUMN, COLUMNS[len(fields)].name
    if len(fields) > len(COLUMNS):
        return Reason.EXTRA_COLUMN, COLUMNS[-1].name
    for column, text in zip(COLUMNS, fields, strict=True):
        reason = check_value(column, text)
        if reason is not None:
            return reason, column.name
    return None


def check_line(line: bytes) -> tuple[Reason, str] | None:
    """Check one line of the file, given without its line end, as `check_row` does.

    Lines know no quoting: every comma ends a field. An empty line has no fields.
    """
    fields: list[str] = []
    for position, field in enumerate(line.split(b",") if line else []):
        try:
            fields.append(field.decode())
        except UnicodeDecodeError:
            return Reason.ENCODING, COLUMNS[min(position, len(COLUMNS) - 1)].name
    return check_row(fields)
