from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readmit_contracts.columns import FILE_HEADER
from readmit_contracts.reasons import Reason
from readmit_contracts.source import (
    BATCH_ROWS,
    DATASET_SHA256,
    SPLITS,
    DatasetInvalid,
    SourceFile,
    dataset_id,
    split_of,
)
from unit.contracts.lines import file_bytes, line


@pytest.mark.real_dataset
def test_the_real_file_is_cut_as_documented(real_file: SourceFile) -> None:
    """A changed count means a changed rule, and every stored row would belong elsewhere."""
    assert real_file.sha256 == DATASET_SHA256
    assert {split: real_file.rows(split) for split in SPLITS} == {
        "train": 61_227,
        "validation": 20_442,
        "test": 20_097,
    }
    assert {split: [batch.rows for batch in real_file.batches(split)] for split in SPLITS} == {
        "train": [15_000, 15_000, 15_000, 15_000, 1_227],
        "validation": [15_000, 5_442],
        "test": [15_000, 5_097],
    }


@pytest.mark.real_dataset
def test_no_patient_of_the_real_file_stands_in_two_splits(real_file: SourceFile) -> None:
    """A patient in both train and test would let the model recognise people instead of risks."""
    patients = [{text.split(b",", 2)[1] for text in real_file.lines(split)} for split in SPLITS]
    assert len(set.union(*patients)) == sum(map(len, patients)) == 71_518


@pytest.mark.parametrize(
    ("patient", "split"), [("8222157", "train"), ("114882984", "validation"), ("135", "test"), ("", "train")]
)
def test_the_split_of_a_patient_never_changes(patient: str, split: str) -> None:
    """The rule is fixed by hand-checked values, for a new release must put a known patient where he was."""
    bucket = int(sha256(f"s0:{patient}".encode()).hexdigest()[:8], 16) % 100
    assert split == ("train" if bucket < 60 else "validation" if bucket < 80 else "test")
    assert split_of(patient) == split


def test_a_dataset_is_named_by_its_file_and_the_rules() -> None:
    """Two stores that took in the same file speak of the same dataset."""
    assert str(dataset_id(DATASET_SHA256)) == "1571301e-beac-5482-923f-7ee277012b5d"
    assert dataset_id("0" * 64) != dataset_id(DATASET_SHA256)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_come_without_their_ends_and_in_file_order(end: bytes) -> None:
    """The payload is made of the lines alone, so that both line ends give the same rows."""
    lines = [line(encounter_id=str(number)) for number in range(1, 4)]
    file = SourceFile.parse(file_bytes(lines, end=end))
    assert file.lines(split_of("8222157")) == lines
    assert file.sha256 == sha256(file_bytes(lines, end=end)).hexdigest()


def test_a_last_line_without_its_end_is_a_row() -> None:
    """A file cut by an editor must not lose its last patient."""
    file = SourceFile.parse(file_bytes([line()]).removesuffix(b"\r\n"))
    assert file.lines(split_of("8222157")) == [line()]


LINES = st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"").rstrip(b"\r"))


@given(st.lists(LINES, min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_line_lands_in_exactly_one_split(lines: list[bytes]) -> None:
    """What no rule can read is set aside later by name; dropped here it would never be seen."""
    file = SourceFile.parse(file_bytes(lines))
    assert sorted(text for split in SPLITS for text in file.lines(split)) == sorted(lines)


def test_a_line_without_a_patient_is_split_as_an_empty_one() -> None:
    """It has to be somewhere, and always in the same place."""
    file = SourceFile.parse(file_bytes([b"", b"nonsense", b"1,,x"]))
    assert file.lines(split_of("")) == [b"", b"nonsense", b"1,,x"]


def test_batches_cover_a_split_without_gap_or_overlap() -> None:
    """A row in no batch would never be published."""
    file = SourceFile(sha256="0" * 64, by_split={"train": [b""] * (2 * BATCH_ROWS), "validation": [], "test": [b""]})
    assert [(batch.first_row, batch.rows) for batch in file.batches("train")] == [(0, 15_000), (15_000, 15_000)]
    assert file.batches("validation") == []
    assert [(batch.first_row, batch.rows) for batch in file.batches("test")] == [(0, 1)]
    assert len(file.batch_lines(file.batches("train")[1])) == 15_000


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.DATASET_HEADER),
        (line() + b"\n", Reason.DATASET_HEADER),
        (b"\xef\xbb\xbf" + file_bytes([line()]), Reason.DATASET_HEADER),
        (FILE_HEADER.encode(), Reason.DATASET_EMPTY),
        (FILE_HEADER.encode() + b"\r\n", Reason.DATASET_EMPTY),
    ],
    ids=["empty", "no header", "byte order mark", "header without end", "header alone"],
)
def test_a_file_of_another_shape_is_refused_before_anything_is_planned(data: bytes, reason: Reason) -> None:
    """A plan made of the wrong file would have to be undone."""
    with pytest.raises(DatasetInvalid) as caught:
        SourceFile.parse(data)
    assert caught.value.reason is reason


def test_an_absent_file_is_refused_with_its_path(tmp_path: Path) -> None:
    """The text is what an operator sees, so it says which file."""
    with pytest.raises(DatasetInvalid, match=r"absent\.csv") as caught:
        SourceFile.read(tmp_path / "absent.csv")
    assert caught.value.reason is Reason.DATASET_MISSING
