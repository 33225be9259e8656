import re

import pytest
from readmit_contracts.columns import COLUMNS, FILE_HEADER, Column, column
from readmit_contracts.rows import check_value
from readmit_contracts.source import SPLITS, SourceFile

INTEGERS = {
    "encounter_id",
    "patient_nbr",
    "admission_type_id",
    "discharge_disposition_id",
    "admission_source_id",
    "time_in_hospital",
    "num_lab_procedures",
    "num_procedures",
    "num_medications",
    "number_outpatient",
    "number_emergency",
    "number_inpatient",
    "number_diagnoses",
}
by_name = pytest.mark.parametrize("named", COLUMNS, ids=lambda named: named.sql_name)


def test_there_are_fifty_columns_of_which_thirteen_are_integers() -> None:
    """Tables, validator and request are generated from these; one too few would be missing everywhere."""
    assert len(COLUMNS) == 50
    assert {named.name for named in COLUMNS if named.kind == "integer"} == INTEGERS
    assert FILE_HEADER.split(",") == [named.name for named in COLUMNS]


def test_names_are_unique_and_sql_names_need_no_quotes() -> None:
    """SQL is put together from these names as they are."""
    sql_names = [named.sql_name for named in COLUMNS]
    assert len(set(sql_names)) == len({named.name for named in COLUMNS}) == 50
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in sql_names)
    assert column("A1Cresult").sql_name == "a1c_result"
    assert column("diabetesMed").sql_name == "diabetes_med"
    assert column("glyburide-metformin").sql_name == "glyburide_metformin"


@by_name
def test_each_column_has_the_rule_of_its_kind(named: Column) -> None:
    """A column without a rule would let anything into the store."""
    if named.kind == "integer":
        assert named.minimum is not None
        assert named.maximum is not None
        assert (named.allowed, named.pattern, named.missing) == (None, None, ())
    else:
        assert (named.minimum, named.maximum) == (None, None)
        assert (named.allowed is None) != (named.pattern is None)


@by_name
def test_example_and_missing_markers_are_accepted(named: Column) -> None:
    """The documentation shows the example; a marker that the rule refused could never be stored."""
    for text in (named.example, *named.missing):
        assert check_value(named, text) is None


@by_name
def test_no_text_that_csv_or_sql_reads_otherwise_is_accepted(named: Column) -> None:
    """Validated bytes go to COPY unchanged, so a line must mean the same to both."""
    dangerous = [",", '"', "\\", "'", "\r", "\n", *(chr(code) for code in range(32)), "\x7f", "", " "]
    for base in (named.example, *(named.allowed or ())):
        for mark in dangerous:
            spoilt = {mark, base + mark, mark + base, base[:1] + mark + base[1:]} - {base}
            assert [text for text in spoilt if check_value(named, text) is None] == []


def test_the_label_and_the_identifiers_are_not_in_the_request() -> None:
    """A request that carried the label would make the answer worthless, an identifier would be kept for nothing."""
    assert {named.name for named in COLUMNS if not named.in_request} == {"encounter_id", "patient_nbr", "readmitted"}


def test_known_values_leave_out_the_missing_markers_and_keep_their_order() -> None:
    """An ordinal is the index in these, so a marker between them would shift it."""
    assert column("weight").known[0] == "[0-25)"
    assert column("weight").known[-2:] == ("[175-200)", ">200")
    assert len(column("weight").known) == 9
    assert column("age").known == column("age").allowed
    assert column("A1Cresult").known == ("Norm", ">7", ">8")
    assert column("diag_1").known == ()


@pytest.mark.real_dataset
def test_closed_lists_name_no_value_that_the_real_file_lacks(real_file: SourceFile) -> None:
    """A misspelt value in a list would refuse good rows of the next file and show up nowhere else."""
    rows = [text.decode().split(",") for split in SPLITS for text in real_file.lines(split)]
    seen = [set(texts) for texts in zip(*rows, strict=True)]
    unseen = {
        named.name: set(named.allowed) - values
        for named, values in zip(COLUMNS, seen, strict=True)
        if named.allowed and not values >= set(named.allowed)
    }
    drugs = {named.name for named in COLUMNS if named.allowed == ("No", "Steady", "Up", "Down")}
    assert len(drugs) == 23
    assert set(unseen) <= drugs
