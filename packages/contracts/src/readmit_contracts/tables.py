"""Generate what SQL needs to know of the columns: the raw and clean tables, the COPY list and the way between them.

`raw.<split>` holds the rows as in the file, so that a chunk's lines go to `COPY` unchanged and can be written back
byte for byte. `clean.<split>` holds them typed: NULL for unknown, a smallint for ordered brackets, booleans for
`change` (`Ch`) and `diabetes_med` (`Yes`), and the target `readmitted_within_30_days`.
"""

from readmit_contracts.columns import COLUMNS, Column
from readmit_contracts.source import Split

TARGET = "readmitted_within_30_days"
TARGET_VALUE = "<30"

_SMALLINT_MAX = 32_767
_TRUE_VALUES = (("change", "Ch"), ("diabetes_med", "Yes"))
_ORDINALS = ("age", "weight")

RAW_COLUMNS: tuple[str, ...] = ("dataset_no", "row_no", *(column.sql_name for column in COLUMNS))
"""The raw tables' columns in the order of a chunk line: the column list of COPY."""

CLEAN_COLUMNS: tuple[str, ...] = (*RAW_COLUMNS, TARGET)
"""The clean tables' columns in the order of `clean_select`."""


def raw_table_ddl(split: Split) -> str:
    """Return the CREATE TABLE statement of `raw.<split>`, without a semicolon."""
    return _table("raw", split, [f"{column.sql_name} {_raw_type(column)} NOT NULL" for column in COLUMNS])


def clean_table_ddl(split: Split) -> str:
    """Return the CREATE TABLE statement of `clean.<split>`, without a semicolon."""
    columns = [f"{column.sql_name} {_clean_type(column)}{'' if column.missing else ' NOT NULL'}" for column in COLUMNS]
    return _table("clean", split, [*columns, f"{TARGET} boolean NOT NULL"])


def clean_select(split: Split) -> str:
    """Return the expressions that make a clean row of a row of `raw.<split>`, in the order of `CLEAN_COLUMNS`.

    They name the columns as `<split>.<column>`, so the FROM clause has `raw.<split>` without an alias.
    """
    expressions = [f"{split}.dataset_no", f"{split}.row_no"]
    expressions += [f"{_clean_expression(column, split)} AS {column.sql_name}" for column in COLUMNS]
    expressions.append(f"({split}.readmitted = {_literal(TARGET_VALUE)}) AS {TARGET}")
    return ",\n    ".join(expressions)


def line_expression() -> str:
    """Return the expression that gives the chunk line of a raw row, as text without a line end."""
    return f"concat_ws(',', {', '.join(RAW_COLUMNS)})"


def content_expression() -> str:
    """Return the aggregate that gives the content hash of raw rows as `batches.content_sha256` defines it."""
    lines = f"string_agg({line_expression()} || E'\\n', '' ORDER BY row_no)"
    return f"encode(sha256(convert_to(coalesce({lines}, ''), 'UTF8')), 'hex')"


def _table(schema: str, split: Split, columns: list[str]) -> str:
    lines = ["dataset_no smallint NOT NULL", "row_no integer NOT NULL", *columns, "PRIMARY KEY (encounter_id)"]
    return f"CREATE TABLE {schema}.{split} (\n    " + ",\n    ".join(lines) + "\n)"


def _raw_type(column: Column) -> str:
    if column.kind == "text":
        return "text"
    return "smallint" if column.maximum is not None and column.maximum <= _SMALLINT_MAX else "integer"


def _clean_type(column: Column) -> str:
    if column.sql_name in _ORDINALS:
        return "smallint"
    if column.sql_name in dict(_TRUE_VALUES):
        return "boolean"
    return _raw_type(column)


def _clean_expression(column: Column, split: Split) -> str:
    name = f"{split}.{column.sql_name}"
    true_value = dict(_TRUE_VALUES).get(column.sql_name)
    if true_value is not None:
        return f"({name} = {_literal(true_value)})"
    if column.sql_name in _ORDINALS:
        cases = " ".join(f"WHEN {_literal(value)} THEN {ordinal}" for ordinal, value in enumerate(column.known))
        return f"(CASE {name} {cases} END)::smallint"
    for marker in column.missing:
        name = f"NULLIF({name}, {_literal(marker)})"
    return name


def _literal(value: str) -> str:
    return f"'{value}'"  # values come from COLUMNS, where none holds a quote or a backslash
