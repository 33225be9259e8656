"""Write rows of the dataset as JSON, under the file's column names."""

from collections.abc import Sequence

import msgspec
from readmit_contracts.columns import COLUMNS
from readmit_contracts.rows import check_value
from readmit_contracts.source import BatchRange

Row = dict[str, str | int | list[str]]

SURPLUS = "surplus_fields"
"""Holds the fields of a line that has more than there are columns; no column has this name."""


def page(batch: BatchRange, lines: Sequence[bytes], *, following: str | None) -> bytes:
    """Return the JSON of a batch's first rows: which batch, how large, where the next one is, and the rows in order.

    15,000 rows take about half a second of CPU, so call it in a thread.
    """
    return msgspec.json.encode(
        {
            "split": batch.split,
            "batch": batch.batch,
            "first_row": batch.first_row,
            "size": batch.rows,
            "next": following,
            "rows": [row(line) for line in lines],
        }
    )


def row(line: bytes) -> Row:
    """Return a line's fields by column name: valid integers as numbers, all else as the text in the file.

    A column that the line does not have is left out; what is not UTF-8 is replaced.
    """
    fields = line.decode(errors="replace").split(",")
    named: Row = {
        column.name: int(text) if column.kind == "integer" and check_value(column, text) is None else text
        for column, text in zip(COLUMNS, fields, strict=False)
    }
    if len(fields) > len(COLUMNS):
        named[SURPLUS] = fields[len(COLUMNS) :]
    return named
