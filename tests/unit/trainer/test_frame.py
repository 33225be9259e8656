from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from readmit_contracts.columns import column
from readmit_contracts.tables import CLEAN_COLUMNS
from readmit_features import clean_value
from readmit_features.definition import SOURCES
from support.cohort import clean_row, cohort, write_frame
from trainer.frame import FrameInvalid, FrameWriter, frame_schema, read_frame


def test_the_frame_has_the_clean_columns_behind_the_split() -> None:
    """Rows come from the clean tables by position."""
    assert frame_schema().names == ["split", *CLEAN_COLUMNS]


def test_a_frame_gives_back_every_value_and_every_null(tmp_path: Path) -> None:
    """A null that came back as some category would be learned as that category."""
    rows = cohort(200)
    write_frame(tmp_path / "frame.parquet", {"train": rows, "test": cohort(3)})
    frame = read_frame(tmp_path / "frame.parquet")["train"]
    for name, file_name in (("a1c_result", "A1Cresult"), ("race", "race"), ("diag_1", "diag_1"), ("change", "change")):
        assert frame.columns[name].tolist() == [clean_value(column(file_name), row[name]) for row in rows]
    weights = [clean_value(column("weight"), row["weight"]) for row in rows]
    np.testing.assert_array_equal(frame.columns["weight"], [np.nan if value is None else value for value in weights])
    assert frame.labels.tolist() == [float(row["readmitted"] == "<30") for row in rows]
    assert frame.patients.tolist() == [int(row["patient_nbr"]) for row in rows]
    assert set(frame.columns) == set(SOURCES)


def test_a_split_without_rows_is_empty(tmp_path: Path) -> None:
    """The caller says what an empty split means, with a reason of its own."""
    write_frame(tmp_path / "frame.parquet", {"train": cohort(3)})
    assert [len(rows) for rows in read_frame(tmp_path / "frame.parquet").values()] == [3, 0, 0]


def test_the_same_rows_give_the_same_bytes_however_they_are_handed_over(tmp_path: Path) -> None:
    """The frame is stored under a digest, so it must not depend on how a cursor fetched it."""
    rows = [clean_row(number, raw) for number, raw in enumerate(cohort(500))]
    for name, step in (("a", 500), ("b", 7)):
        with FrameWriter(tmp_path / name) as writer:
            for first in range(0, len(rows), step):
                writer.add("train", rows[first : first + step])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    """Another order is another model from the same digest."""
    rows = [clean_row(number, raw) for number, raw in enumerate(cohort(3))]
    with FrameWriter(tmp_path / "frame.parquet") as writer:
        writer.add("train", [rows[0], rows[2], rows[1]])
    with pytest.raises(FrameInvalid, match="ascending order"):
        read_frame(tmp_path / "frame.parquet")


def _break_off(path: Path) -> None:
    with FrameWriter(path) as writer:
        writer.add("train", [clean_row(0, cohort(1)[0])])
        raise ConnectionError


def test_a_frame_broken_off_leaves_no_file_of_its_name(tmp_path: Path) -> None:
    """Half of a training set reads just as well as the whole."""
    with pytest.raises(ConnectionError):
        _break_off(tmp_path / "frame.parquet")
    assert not (tmp_path / "frame.parquet").exists()


def test_another_file_is_refused(tmp_path: Path) -> None:
    """A file of another release or none at all gets one kind of error."""
    pq.write_table(pa.table({"split": ["train"]}), tmp_path / "other.parquet")
    (tmp_path / "text").write_text("no parquet")
    for name, problem in (("other.parquet", "other columns"), ("text", "cannot be read"), ("absent", "cannot be read")):
        with pytest.raises(FrameInvalid, match=problem):
            read_frame(tmp_path / name)
