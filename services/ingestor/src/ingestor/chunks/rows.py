"""Find the bad rows of many chunks at once.

Each column is read as a dictionary, so that a rule runs once for each distinct value and not once for each row;
the rules themselves are `readmit_contracts.rows.check_value`. Chunks that pyarrow and Postgres might read
differently (quotes, backslashes, carriage returns, NUL, wrong field counts, not UTF-8) are checked line by line.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from readmit_contracts.chunks import CHUNK_HEADER_LINE
from readmit_contracts.columns import COLUMNS, Column
from readmit_contracts.reasons import Reason
from readmit_contracts.rows import check_line, check_value

POSITION_COLUMNS = ("dataset_no", "row_no")
COLUMN_NAMES = [column.name for column in COLUMNS]
# Nearly every row has its own value in these: a dictionary would be as long as the column.
IDENTIFIERS = ("encounter_id", "patient_nbr")
READ_DIFFERENTLY = (b'"', b"\\", b"\r", b"\0", b"\n\n")


@dataclass(frozen=True)
class BadRow:
    """A row that breaks a rule: its position in the chunk from 0, the rule, the column and the value as text.

    `value` is None where the column is absent.
    """

    position: int
    reason: Reason
    field: str
    value: str | None


def find_bad_rows(payloads: Sequence[bytes]) -> list[list[BadRow]]:
    """Check every row of every chunk; give the bad rows of each payload, in order.

    A payload is a chunk's whole CSV text: the header line, then lines that each end in a line feed.
    """
    plain = [_reads_the_same(payload) for payload in payloads]
    found: list[list[BadRow]] = [
        [] if fast else _check_lines(body(payload)) for payload, fast in zip(payloads, plain, strict=True)
    ]
    fast = [index for index, same in enumerate(plain) if same]
    try:
        for index, bad in zip(fast, _check_columns([body(payloads[index]) for index in fast]), strict=True):
            found[index] = bad
    except pa.ArrowInvalid:
        # Some line has a wrong number of fields or isn't UTF-8; pyarrow does not say which, the lines do.
        for index in fast:
            found[index] = _check_lines(body(payloads[index]))
    return found


def warm_up() -> None:
    """Load what the first check would load: pyarrow imports pandas for it, a second or more of CPU."""
    line = ",".join(["0", "0", *(column.example for column in COLUMNS)])
    find_bad_rows([CHUNK_HEADER_LINE + line.encode() + b"\n"])


def body(payload: bytes) -> bytes:
    """Give the payload without its header line."""
    return payload[len(CHUNK_HEADER_LINE) :]


def good_lines(text: bytes, bad_rows: Sequence[BadRow]) -> bytes:
    """Give the lines of a chunk's body without the bad ones."""
    if not bad_rows:
        return text
    bad = {row.position for row in bad_rows}
    lines = text.removesuffix(b"\n").split(b"\n")
    return b"".join(line + b"\n" for position, line in enumerate(lines) if position not in bad)


def _reads_the_same(text: bytes) -> bool:
    return not any(mark in text for mark in READ_DIFFERENTLY)


def _check_columns(bodies: Sequence[bytes]) -> list[list[BadRow]]:
    if not bodies:
        return []
    text = b"".join(bodies)
    table = _read(text)
    starts = list(accumulate((part.count(b"\n") for part in bodies), initial=0))
    first_fault: dict[int, BadRow] = {}
    for column in COLUMNS:
        values = table.column(column.name).chunk(0)
        for row in _faulty_rows(column, values):
            if row not in first_fault:
                value = values[row].as_py()
                reason = check_value(column, value)
                if reason is not None:
                    first_fault[row] = BadRow(0, reason, column.name, value)
    found: list[list[BadRow]] = [[] for _ in bodies]
    for row in sorted(first_fault):
        chunk = bisect_right(starts, row) - 1
        fault = first_fault[row]
        found[chunk].append(BadRow(row - starts[chunk], fault.reason, fault.field, fault.value))
    return found


def _read(text: bytes) -> pa.Table:
    types = {
        name: pa.string() if name in IDENTIFIERS else pa.dictionary(pa.int32(), pa.string()) for name in COLUMN_NAMES
    }
    return pyarrow.csv.read_csv(
        pa.BufferReader(text),
        # One block keeps each column in one piece, with one dictionary.
        read_options=pyarrow.csv.ReadOptions(
            column_names=[*POSITION_COLUMNS, *COLUMN_NAMES], block_size=len(text) + 1, use_threads=False
        ),
        parse_options=pyarrow.csv.ParseOptions(
            quote_char=False, escape_char=False, newlines_in_values=False, ignore_empty_lines=False
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=COLUMN_NAMES, column_types=types, null_values=[], strings_can_be_null=False
        ),
    )


def _faulty_rows(column: Column, values: pa.Array) -> Sequence[int]:
    if column.name in IDENTIFIERS:
        return _faulty_identifiers(column, values)
    distinct = values.dictionary.to_pylist()
    faulty = [code for code, value in enumerate(distinct) if _fault(column, value) is not None]
    if not faulty:
        return ()
    rows: Sequence[int] = pc.indices_nonzero(pc.is_in(values.indices, pa.array(faulty, pa.int32()))).to_pylist()
    return rows


@lru_cache(maxsize=16_384)
def _fault(column: Column, value: str) -> Reason | None:
    return check_value(column, value)


def _faulty_identifiers(column: Column, values: pa.Array) -> Sequence[int]:
    canonical = pc.match_substring_regex(values, r"^[1-9][0-9]{0,9}$")
    if pc.all(canonical).as_py():
        numbers = pc.min_max(pc.cast(values, pa.int64())).as_py()
        if numbers["min"] >= column.minimum and numbers["max"] <= column.maximum:
            return ()
    return [row for row, value in enumerate(values.to_pylist()) if check_value(column, value)]


def _check_lines(text: bytes) -> list[BadRow]:
    found = []
    for position, line in enumerate(text.removesuffix(b"\n").split(b"\n")):
        fields = line.split(b",")[len(POSITION_COLUMNS) :]
        fault = check_line(b",".join(fields))
        if fault is not None:
            reason, name = fault
            index = COLUMN_NAMES.index(name)
            value = fields[index].decode(errors="backslashreplace") if index < len(fields) else None
            found.append(BadRow(position, reason, name, value))
    return found
