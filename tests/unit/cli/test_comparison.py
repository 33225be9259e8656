"""The close look at a table whose rows are not as they must be."""

from readmit_cli.verification.comparison import compare_clean, compare_raw
from readmit_cli.verification.findings import Findings
from readmit_cli.verification.outcomes import account
from readmit_cli.verification.records import AsideRow, CleanRow, RawRow
from readmit_contracts.columns import COLUMNS
from readmit_contracts.tables import CLEAN_COLUMNS

RACE = [column.sql_name for column in COLUMNS].index("race")


def stored(batch, *, without=()):
    """Give the rows of the raw table as they must be."""
    return [
        RawRow(row_no, tuple(batch.line(row_no).decode().split(",")))
        for row_no in range(batch.first_row, batch.first_row + batch.rows)
        if row_no not in without
    ]


def differences(batch, rows, *, aside=(), arrived=frozenset({0, 1})):
    """Compare, and give what was found."""
    findings = Findings()
    compare_raw(account(batch, arrived=arrived, aside=aside, findings=findings), rows, findings)
    return findings.kept


def test_a_changed_value_names_row_and_column(batch):
    """This is what a person needs to find it, and no more."""
    rows = stored(batch)
    texts = list(rows[503].texts)
    texts[RACE] = "Martian"
    rows[503] = RawRow(503, tuple(texts))
    (difference,) = differences(batch, rows)
    assert (difference.table, difference.split, difference.batch) == ("raw.train", "train", 0)
    assert (difference.chunk, difference.row_no, difference.column) == (1, 503, "race")
    assert "Martian" not in str(difference)


def test_a_deleted_row_is_named(batch):
    """It was published and has no outcome."""
    (difference,) = differences(batch, stored(batch, without={3}))
    assert (difference.row_no, difference.chunk) == (3, 0)
    assert "not there" in difference.what


def test_a_row_that_is_there_twice_is_named(batch):
    """The key is the encounter, so the same row number can come twice by hand."""
    rows = stored(batch)
    (difference,) = differences(batch, [*rows, rows[4]])
    assert difference.row_no == 4
    assert "2 times" in difference.what


def test_a_row_beyond_the_source_is_named(batch):
    """A row that no file explains."""
    extra = RawRow(batch.rows, stored(batch)[0].texts)
    (difference,) = differences(batch, [*stored(batch), extra])
    assert difference.row_no == batch.rows
    assert "no such row" in difference.what


def test_a_row_that_was_set_aside_and_is_stored_all_the_same_is_named(batch):
    """Two outcomes for one row."""
    (difference,) = differences(batch, stored(batch), aside=[AsideRow(5, 0, "discarded", batch.line(5))])
    assert difference.row_no == 5
    assert "although it is discarded" in difference.what


def test_a_row_whose_chunk_is_not_in_the_ledger_is_named(batch):
    """It stands in the store, and the ledger does not know of it."""
    rows = stored(batch)[:501]
    (difference,) = differences(batch, rows, arrived=frozenset({0}))
    assert difference.row_no == 500
    assert "not in the ledger" in difference.what


def test_bytes_that_differ_are_a_difference_even_when_no_column_does(batch):
    """The close look may never argue a difference away."""
    (difference,) = differences(batch, stored(batch))
    assert "bytes" in difference.what


def clean_differences(batch, row):
    """Compare one row number of the clean table."""
    findings = Findings()
    compare_clean(batch, [row], findings)
    return findings.kept


def test_a_clean_value_that_the_raw_row_does_not_give_names_its_column(batch):
    """One column is at fault, so one is named."""
    derived = tuple(range(len(CLEAN_COLUMNS)))
    present = (*derived[:-1], "secret")
    (difference,) = clean_differences(batch, CleanRow(9, [derived], [present]))
    assert (difference.table, difference.row_no) == ("clean.train", 9)
    assert difference.column == "readmitted_within_30_days"
    assert "secret" not in str(difference)


def test_null_is_another_value_than_any(batch):
    """Unknown must not pass for known."""
    derived = tuple(range(len(CLEAN_COLUMNS)))
    (difference,) = clean_differences(batch, CleanRow(9, [derived], [(None, *derived[1:])]))
    assert difference.column == "dataset_no"


def test_a_clean_row_without_its_raw_row_and_the_other_way_round_are_told_apart(batch):
    """They are mended differently."""
    row = tuple(range(len(CLEAN_COLUMNS)))
    (absent,) = clean_differences(batch, CleanRow(9, [row], []))
    (orphan,) = clean_differences(batch, CleanRow(9, [], [row]))
    (twice,) = clean_differences(batch, CleanRow(9, [row], [row, row]))
    assert "not there" in absent.what
    assert "without a raw row" in orphan.what
    assert "2 times" in twice.what
