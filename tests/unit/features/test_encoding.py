"""The two executors: a table at once, and one record."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from readmit_contracts.columns import COLUMNS, Column
from readmit_contracts.predictions import REQUEST_COLUMNS, example_encounter
from readmit_features import FEATURE_NAMES, ColumnAbsent, RecordEncoder, clean_value, encode_table, fit_vocabularies
from readmit_features.definition import SOURCES
from support.cohort import cohort

Raw = Mapping[str, int | str | None]


def _table(records: Sequence[Raw]) -> dict[str, NDArray[np.object_]]:
    sources = [column for column in COLUMNS if column.sql_name in SOURCES]
    columns = {}
    for column in sources:
        columns[column.sql_name] = np.empty(len(records), dtype=object)
        columns[column.sql_name][:] = [clean_value(column, record[column.sql_name]) for record in records]
    return columns


VOCABULARIES = fit_vocabularies(_table(cohort(300)))


def _any_value(column: Column) -> st.SearchStrategy[int | str | None]:
    unknown = st.sampled_from([None, *column.missing])
    if column.kind == "integer":
        return st.integers(column.minimum, column.maximum)
    if column.allowed is not None:
        return st.sampled_from([None, *column.allowed] if column.missing else column.allowed)
    return unknown | st.from_regex(column.pattern or "", fullmatch=True)


RECORDS = st.fixed_dictionaries({column.sql_name: _any_value(column) for column in REQUEST_COLUMNS})


def _encode(record: Raw) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, RecordEncoder(VOCABULARIES).encode(record).tolist(), strict=True))


def _example(**changes: int | str | None) -> dict[str, int | str | None]:
    by_file_name = example_encounter()
    return {column.sql_name: by_file_name[column.name] for column in REQUEST_COLUMNS} | changes


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=5))
def test_a_record_and_a_table_give_the_same_bits(records: list[Raw]) -> None:
    """One definition is worth nothing if its executors differ on a value that neither the tests nor the file have."""
    table = encode_table(_table(records), VOCABULARIES)
    encoder = RecordEncoder(VOCABULARIES)
    one_by_one = np.array([encoder.encode(record).copy() for record in records])
    assert one_by_one.tobytes() == table.tobytes()


def test_an_encounter_is_encoded_as_a_person_would() -> None:
    """Both executors could be wrong together; these numbers were counted by hand."""
    encoded = _encode(
        _example(
            age="[70-80)", number_inpatient=2, number_emergency=1, number_outpatient=4, discharge_disposition_id=3,
            diag_1="428", diag_2="403", diag_3="428.2", a1c_result=">8", metformin="Steady", insulin="Up",
            glyburide="Down",
        )
    )  # fmt: skip
    expected = {
        "age": 7, "visits": 7, "visits_acute": 3, "disposition_group": 2, "has_heart_failure": 2,
        "has_chronic_kidney": 1, "for_heart_failure": 1, "for_chronic_kidney": 0, "a1c_result": 2, "drugs_on": 3,
        "drugs_up": 1, "drugs_down": 1, "drugs_steady": 1, "change": 1, "diabetes_med": 1,
        "insulin": ("Down", "No", "Steady", "Up").index("Up"),
    }  # fmt: skip
    assert {name: encoded[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("column", "unknown"), [("weight", "?"), ("a1c_result", "None"), ("diag_1", "?"), ("gender", "Unknown/Invalid")]
)
def test_unknown_is_nan(column: str, unknown: str) -> None:
    """LightGBM learns where the unknown go; a number in its place would be a lie it believes."""
    assert math.isnan(_encode(_example(**{column: unknown}))[column])
    assert math.isnan(_encode(_example(**{column: None}))[column])


def test_a_level_that_training_never_saw_is_nan() -> None:
    """Its place in the vocabulary would be another level's."""
    encoded = _encode(_example(medical_specialty="Aeronautics", diag_1="428.99"))
    assert math.isnan(encoded["medical_specialty"])
    assert math.isnan(encoded["diag_1"])
    assert encoded["has_heart_failure"] == 1


def test_a_record_may_name_its_columns_as_the_file_does() -> None:
    """A hospital sends A1Cresult, the store says a1c_result."""
    encoder = RecordEncoder(VOCABULARIES)
    by_sql_name = encoder.encode(_example()).tobytes()
    assert encoder.encode(example_encounter()).tobytes() == by_sql_name


def test_a_record_without_a_column_is_refused() -> None:
    """A misspelt field would otherwise be scored as unknown, for ever and silently."""
    record = _example()
    del record["number_inpatient"]
    with pytest.raises(ColumnAbsent, match="number_inpatient"):
        _encode(record)


def test_every_call_fills_the_same_row() -> None:
    """The row's address is given to LightGBM once; nothing of the encounter before may stay in it."""
    encoder = RecordEncoder(VOCABULARIES)
    first = encoder.encode(_example(diag_1="428"))
    address = first.ctypes.data
    alone = RecordEncoder(VOCABULARIES).encode(_example(diag_1="250")).tobytes()
    second = encoder.encode(_example(diag_1="250"))
    assert second is first
    assert second.ctypes.data == address
    assert second.tobytes() == alone
