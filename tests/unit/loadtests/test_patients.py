"""Every patient is a valid request, and they differ as patients do."""

from pathlib import Path
from random import Random

import msgspec
import pytest
from readmit_contracts.columns import COLUMNS, FILE_HEADER
from readmit_contracts.predictions import REQUEST_COLUMNS, Encounter
from readmit_load.patients import DatasetUnusable, batch_body, body, frame_body, made_up, of_dataset
from support.cohort import cohort

PATIENTS = made_up(2_000, Random(5))  # noqa: S311 - they are made up


def test_every_made_up_patient_is_accepted_by_the_contract() -> None:
    """A request that is refused measures the refusal."""
    decode = msgspec.json.Decoder(Encounter).decode
    for patient in PATIENTS:
        decode(body(patient))
    assert len(msgspec.json.decode(batch_body(PATIENTS[:10]), type=list[Encounter])) == 10


def test_they_differ_in_every_column_and_leave_out_what_may_be_unknown() -> None:
    """A single patient would be answered from the processor's cache."""
    assert len({body(patient) for patient in PATIENTS}) == len(PATIENTS)
    for column in REQUEST_COLUMNS:
        values = {patient.get(column.name) for patient in PATIENTS}
        assert len(values) > 1, column.name
        assert (None in values) == bool(column.missing), column.name
        if column.allowed is not None:
            assert values - {None} == set(column.allowed), column.name


def test_a_frame_has_every_column_and_the_markers_of_what_was_left_out() -> None:
    """MLflow's scoring server knows no default."""
    for patient in PATIENTS[:50]:
        frame = msgspec.json.decode(frame_body(patient))["dataframe_split"]
        assert frame["columns"] == [column.name for column in REQUEST_COLUMNS]
        [values] = frame["data"]
        assert None not in values
        whole = dict(zip(frame["columns"], values, strict=True))
        assert patient.items() <= whole.items()


def test_real_patients_come_from_the_file_and_bad_rows_stay_out(tmp_path: Path) -> None:
    """The ingest judges bad rows; the load is made of good ones."""
    rows = [",".join(row[column.sql_name] for column in COLUMNS) for row in cohort(500)]
    rows[0] = rows[0].replace(",", ";")
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([FILE_HEADER, *rows]) + "\n")
    found = of_dataset(path, 1_000)
    assert len(found) == 9
    assert {"encounter_id", "patient_nbr", "readmitted"}.isdisjoint(found[0])


def test_another_file_is_refused(tmp_path: Path) -> None:
    """Made up patients under the name of real ones would be a false claim."""
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DatasetUnusable, match="header"):
        of_dataset(path, 10)
    with pytest.raises(DatasetUnusable, match="can't be read"):
        of_dataset(tmp_path / "none.csv", 10)
    path.write_text(FILE_HEADER + "\n")
    with pytest.raises(DatasetUnusable, match="no encounter"):
        of_dataset(path, 10)
