"""The fast row check and the plain reference agree on every kind of bad row."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingestor.chunks.rows import BadRow, find_bad_rows, good_lines
from readmit_contracts.chunks import CHUNK_HEADER_LINE
from readmit_contracts.columns import COLUMNS
from readmit_contracts.reasons import Reason
from readmit_contracts.rows import check_line

GOOD = [column.example.encode() for column in COLUMNS]
BAD_BYTES = st.sampled_from(
    [
        b"",
        b"-1",
        b"007",
        b"1.0",
        b"+1",
        b" 1",
        b"99999999999",
        b"9" * 40,
        b"x",
        b"\xff",
        b'"',
        b"\\",
        b"a\rb",
        b"a\0b",
        b"None",
        b"?",
    ]
)


def payload(*lines: bytes) -> bytes:
    """Give a chunk's text of these file lines."""
    numbered = [b"1,%d,%b\n" % (row, line) for row, line in enumerate(lines)]
    return b"".join([CHUNK_HEADER_LINE, *numbered])


def reference(*lines: bytes) -> list[tuple[int, Reason, str]]:
    """Check each line by the plain rules."""
    faults = [(row, check_line(line)) for row, line in enumerate(lines)]
    return [(row, *fault) for row, fault in faults if fault is not None]


def found(bad_rows: list[BadRow]) -> list[tuple[int, Reason, str]]:
    """Give what the fast check says in the reference's form."""
    return [(bad.position, bad.reason, bad.field) for bad in bad_rows]


def line(**changes: bytes) -> bytes:
    """Give a good line with some values changed by SQL name."""
    return b",".join(changes.get(column.sql_name, good) for column, good in zip(COLUMNS, GOOD, strict=True))


def test_good_rows_of_several_chunks_pass():
    """The common case: nothing is found and nothing is cut out."""
    chunks = [payload(line(), line()), payload(line())]
    assert find_bad_rows(chunks) == [[], []]
    body = chunks[0][len(CHUNK_HEADER_LINE) :]
    assert good_lines(body, []) == body


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_a_bad_value_is_named_by_chunk_row_and_field(column):
    """An operator has to find the row in a file of a hundred thousand."""
    bad = line(**{column.sql_name: b"no such value"})
    first, second = find_bad_rows([payload(line(), line()), payload(line(), bad, line())])
    assert first == []
    (row,) = second
    assert (row.position, row.field, row.value) == (1, column.name, "no such value")


@given(st.lists(st.tuples(st.sampled_from(COLUMNS), BAD_BYTES), max_size=3), st.integers(0, 4))
def test_fast_and_plain_check_agree(faults, at):
    """Two executors of one rule book; a difference would store a bad row or refuse a good one."""
    rows = [line() for _ in range(5)]
    rows[at] = line(**{column.sql_name: value for column, value in faults})
    assert found(find_bad_rows([payload(*rows)])[0]) == reference(*rows)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b",".join(GOOD[:-1]), Reason.MISSING_COLUMN),
        (b",".join([*GOOD, b"No"]), Reason.EXTRA_COLUMN),
        (b"", Reason.MISSING_COLUMN),
        (line(race=b"\xff\xfe"), Reason.ENCODING),
    ],
)
def test_a_broken_line_does_not_stop_its_neighbours(bad, reason):
    """One broken line makes the columnar reader refuse the whole group; the others are good all the same."""
    neighbours, broken = find_bad_rows([payload(line()), payload(line(), bad, line())])
    assert neighbours == []
    assert [(row.position, row.reason) for row in broken] == [(1, reason)]


def test_cutting_out_bad_rows_keeps_the_others_byte_for_byte():
    """What goes to COPY is the file's own text."""
    rows = [line(encounter_id=b"%d" % number) for number in range(1, 8)]
    chunk = payload(*rows)
    bad = [BadRow(position, Reason.NOT_ALLOWED, "race", "x") for position in (0, 3, 6)]
    kept = good_lines(chunk[len(CHUNK_HEADER_LINE) :], bad)
    assert kept == b"".join(b"1,%d,%b\n" % (row, rows[row]) for row in (1, 2, 4, 5))


def test_many_random_mixtures_agree_over_chunks():
    """The row numbers have to survive the concatenation of chunks."""
    seed = random.Random(7)  # noqa: S311 - a repeatable mixture, nothing secret
    groups = []
    for _ in range(12):
        rows = [line(**({"gender": b"?"} if seed.random() < 0.2 else {})) for _ in range(seed.randint(1, 9))]
        groups.append(rows)
    results = find_bad_rows([payload(*rows) for rows in groups])
    assert [found(result) for result in results] == [reference(*rows) for rows in groups]
