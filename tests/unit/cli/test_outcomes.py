"""Every row that arrived has one outcome."""

import pytest
from readmit_cli.verification.findings import Findings
from readmit_cli.verification.outcomes import account
from readmit_cli.verification.records import AsideRow

BOTH = frozenset({0, 1})


def of(batch, *aside, arrived=BOTH):
    """Give the account of a batch and the differences."""
    findings = Findings()
    return account(batch, arrived=arrived, aside=aside, findings=findings), findings.kept


def test_rows_that_were_not_set_aside_must_be_stored(batch):
    """The store's lines are the chunks' own, byte for byte."""
    found, differences = of(batch)
    assert not differences
    assert found.stored_lines() == b"".join(batch.bodies)


def test_a_row_set_aside_must_not_be_stored(batch):
    """A row with two outcomes would be counted twice."""
    found, differences = of(batch, AsideRow(501, 0, "quarantined", batch.line(501)))
    lines = found.stored_lines().split(b"\n")[:-1]
    assert not differences
    assert len(lines) == batch.rows - 1
    assert not any(line.startswith(b"1,501,") for line in lines)
    assert not found.expects(501)
    assert found.expects(500)


def test_rows_of_a_chunk_that_has_not_arrived_must_not_be_stored(batch):
    """They are missing, and nothing else."""
    found, _ = of(batch, arrived=frozenset({1}))
    assert found.stored_lines() == batch.bodies[1]
    assert not found.expects(0)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (AsideRow(7, 0, "quarantined", b"another line"), "not the source's"),
        (AsideRow(7, 0, "quarantined", None), "not the source's"),
        (AsideRow(7, 0, "discarded", b"another line"), "not the source's"),
        (AsideRow(7, 0, "duplicate", b"another row"), "not equal"),
        (AsideRow(7, 0, "duplicate", None), "not in the store"),
        (AsideRow(99_999, 0, "quarantined", b""), "no such row"),
    ],
)
def test_a_row_set_aside_that_is_not_the_sources_is_named(batch, row, says):
    """An outcome counts only for the row it says it is for."""
    _, (difference,) = of(batch, row)
    assert difference.row_no == row.row_no
    assert says in difference.what


def test_a_row_set_aside_under_another_batch_is_named(batch):
    """The other batch's counter would be one too high."""
    _, (difference,) = of(batch, AsideRow(7, 1, "quarantined", batch.line(7)))
    assert "under batch 1" in difference.what


def test_a_row_set_aside_before_its_chunk_arrived_is_named(batch):
    """Nothing can have an outcome that is not in the ledger."""
    _, (difference,) = of(batch, AsideRow(7, 0, "quarantined", batch.line(7)), arrived=frozenset({1}))
    assert "not in the ledger" in difference.what


def test_a_row_set_aside_twice_is_named(batch):
    """A duplicate that is in quarantine as well has two outcomes."""
    _, (difference,) = of(
        batch, AsideRow(7, 0, "duplicate", batch.line(7)), AsideRow(7, 0, "quarantined", batch.line(7))
    )
    assert "twice" in difference.what


def test_no_difference_holds_a_value_of_a_row(batch):
    """Reports are kept and passed on; patients' data stays in the store."""
    _, differences = of(batch, AsideRow(7, 0, "quarantined", b"secret"), AsideRow(8, 0, "duplicate", b"secret"))
    assert len(differences) == 2
    assert not any("secret" in str(difference) for difference in differences)
