import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readmit_contracts.columns import COLUMNS, column
from readmit_contracts.reasons import Reason
from readmit_contracts.rows import check_line, check_row, check_value
from readmit_contracts.source import SPLITS, SourceFile
from unit.contracts.lines import fields, line


@pytest.mark.real_dataset
def test_every_row_of_the_real_file_is_good(real_file: SourceFile) -> None:
    """The rules describe this file; one row refused would be one row not accounted for."""
    bad = [found for split in SPLITS for text in real_file.lines(split) if (found := check_line(text))]
    assert bad == []


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("time_in_hospital", "0", Reason.OUT_OF_RANGE),
        ("time_in_hospital", "15", Reason.OUT_OF_RANGE),
        ("time_in_hospital", "9" * 5_000, Reason.OUT_OF_RANGE),
        ("time_in_hospital", "04", Reason.NOT_AN_INTEGER),
        ("time_in_hospital", "+4", Reason.NOT_AN_INTEGER),
        ("time_in_hospital", "-4", Reason.NOT_AN_INTEGER),
        ("time_in_hospital", "4.0", Reason.NOT_AN_INTEGER),
        ("time_in_hospital", " 4", Reason.NOT_AN_INTEGER),
        ("time_in_hospital", "4\n", Reason.NOT_AN_INTEGER),
        ("time_in_hospital", "٤", Reason.NOT_AN_INTEGER),
        ("time_in_hospital", "4_0", Reason.NOT_AN_INTEGER),
        ("time_in_hospital", "?", Reason.NOT_AN_INTEGER),
        ("time_in_hospital", "", Reason.NOT_AN_INTEGER),
        ("patient_nbr", "2000000001", Reason.OUT_OF_RANGE),
        ("race", "caucasian", Reason.NOT_ALLOWED),
        ("race", "", Reason.NOT_ALLOWED),
        ("age", "?", Reason.NOT_ALLOWED),
        ("metformin", "no", Reason.NOT_ALLOWED),
        ("max_glu_serum", "?", Reason.NOT_ALLOWED),
        ("medical_specialty", "Family Practice", Reason.PATTERN_MISMATCH),
        ("medical_specialty", "X" * 64, Reason.PATTERN_MISMATCH),
        ("diag_1", "2500", Reason.PATTERN_MISMATCH),
        ("diag_1", "250.", Reason.PATTERN_MISMATCH),
        ("diag_1", "250\n", Reason.PATTERN_MISMATCH),
        ("diag_1", "V7", Reason.PATTERN_MISMATCH),
        ("diag_1", "E88", Reason.PATTERN_MISMATCH),
        ("diag_1", "٢٥٠", Reason.PATTERN_MISMATCH),
    ],
)
def test_a_value_against_its_rule_is_named_by_its_reason(name: str, text: str, reason: Reason) -> None:
    """People filter the quarantine by reason; a wrong one sends them looking in the wrong place."""
    assert check_value(column(name), text) is reason


@pytest.mark.parametrize("name", [named.name for named in COLUMNS if named.kind == "integer"])
def test_the_ends_of_a_range_are_inside_and_their_neighbours_outside(name: str) -> None:
    """The range is documented as inclusive."""
    named = column(name)
    assert named.minimum is not None
    assert named.maximum is not None
    assert check_value(named, str(named.minimum)) is None
    assert check_value(named, str(named.maximum)) is None
    assert check_value(named, str(named.maximum + 1)) is Reason.OUT_OF_RANGE
    if named.minimum > 0:
        assert check_value(named, str(named.minimum - 1)) is Reason.OUT_OF_RANGE


@given(st.integers(min_value=-(10**12), max_value=10**12))
@settings(max_examples=100, deadline=None)
def test_an_integer_is_accepted_exactly_when_it_is_in_range(number: int) -> None:
    """The canonical text of a number has no second reading."""
    named = column("encounter_id")
    assert (check_value(named, str(number)) is None) == (1 <= number <= 2_000_000_000)


def test_a_short_row_names_the_first_absent_column() -> None:
    """A lost comma is found where the row ends."""
    assert check_row(fields()[:49]) == (Reason.MISSING_COLUMN, "readmitted")
    assert check_row([]) == (Reason.MISSING_COLUMN, "encounter_id")
    assert check_line(b"") == (Reason.MISSING_COLUMN, "encounter_id")


def test_a_long_row_is_refused_even_when_its_first_fifty_fields_are_good() -> None:
    """A comma within a field shifts the rest; guessing which is not for a validator."""
    assert check_row([*fields(), ""]) == (Reason.EXTRA_COLUMN, "readmitted")
    assert check_line(line(medical_specialty='"Surgery,General"')) == (Reason.EXTRA_COLUMN, "readmitted")


def test_the_first_bad_field_is_named() -> None:
    """One row is parked once, under one reason."""
    assert check_row(fields(age="young", gender="?")) == (Reason.NOT_ALLOWED, "gender")
    assert check_row(fields()) is None


def test_a_line_that_is_not_utf_8_names_the_field() -> None:
    """Postgres would refuse the bytes; the row must be parked before it gets there."""
    assert check_line(line().replace(b"InternalMedicine", b"Internal\xffMedicine")) == (
        Reason.ENCODING,
        "medical_specialty",
    )
    assert check_line(line() + b"," * 60 + b"\xff") == (Reason.ENCODING, "readmitted")


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_get_a_reason_and_never_an_error(text: bytes) -> None:
    """A bad row never stops its neighbours."""
    assert check_line(text) is not None
