"""The synthetic file has the real one's form, so that everything but a figure can be tried with it."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from readmit_contracts.columns import FILE_HEADER
from readmit_contracts.rows import check_row
from readmit_contracts.source import SPLITS, SourceFile
from readmit_runtime.synthetic_dataset import (
    LABEL,
    PATIENT,
    STAYS,
    SYNTHETIC_ROWS,
    marginals,
    measure_marginals,
    write_synthetic_dataset,
)
from support.real_dataset import real_dataset

ROWS = 4000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a small synthetic file once."""
    path = tmp_path_factory.mktemp("synthetic") / "small.csv"
    write_synthetic_dataset(path, rows=ROWS)
    return path


@pytest.fixture(scope="module")
def rows(file: Path) -> Sequence[dict[str, str]]:
    """Read its rows."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_same_rows_and_seed_give_the_same_bytes(file: Path, tmp_path: Path) -> None:
    """Its digest names a dataset; another one at each start would be another dataset."""
    again = tmp_path / "again.csv"
    write_synthetic_dataset(again, rows=ROWS)
    assert again.read_bytes() == file.read_bytes()


def test_every_row_passes_the_rules_of_the_columns(rows: Sequence[dict[str, str]]) -> None:
    """A quarantine full of made-up rows would show nothing."""
    assert [check_row(list(row.values())) for row in rows] == [None] * ROWS


def test_the_file_is_cut_like_the_real_one(file: Path) -> None:
    """Same header, same line ends, patients in every split."""
    source = SourceFile.read(file)
    assert file.read_bytes().startswith(FILE_HEADER.encode() + b"\r\n")
    assert sum(source.rows(split) for split in SPLITS) == ROWS
    assert all(source.rows(split) > ROWS / 10 for split in SPLITS)


def test_encounters_are_unique_and_patients_come_back(rows: Sequence[dict[str, str]]) -> None:
    """A split by patient is tested by patients with several stays."""
    assert len({row["encounter_id"] for row in rows}) == ROWS
    assert 0.6 < len({row[PATIENT] for row in rows}) / ROWS < 0.85


def test_the_labels_have_the_real_shares(rows: Sequence[dict[str, str]]) -> None:
    """One stay in nine is followed by another within 30 days."""
    shares = marginals()[LABEL]
    found = Counter(row[LABEL] for row in rows)
    for label, count in shares.items():
        assert found[label] == pytest.approx(ROWS * count / SYNTHETIC_ROWS, abs=1)


def test_the_label_can_be_foreseen_a_little(rows: Sequence[dict[str, str]]) -> None:
    """A model has to have something to learn, or its gate can't be tried."""
    soon = [int(row["number_inpatient"]) for row in rows if row[LABEL] == "<30"]
    rest = [int(row["number_inpatient"]) for row in rows if row[LABEL] != "<30"]
    assert sum(soon) / len(soon) > 1.3 * sum(rest) / len(rest)


def test_each_column_has_the_real_distribution(rows: Sequence[dict[str, str]]) -> None:
    """Frequent values are as frequent as in the file; rare ones may be absent from a small one."""
    for name, counts in marginals().items():
        found = Counter(row[name] for row in rows) if name != STAYS else Counter[str]()
        for value, count in counts.items():
            if name != STAYS and count > SYNTHETIC_ROWS / 20:
                assert found[value] == pytest.approx(ROWS * count / SYNTHETIC_ROWS, rel=0.25), (name, value)


def test_the_full_size_is_the_real_ones() -> None:
    """Times and batches of a trial run should be those of the real run."""
    assert {sum(counts.values()) for name, counts in marginals().items() if name != STAYS} == {SYNTHETIC_ROWS}
    assert sum(int(stays) * patients for stays, patients in marginals()[STAYS].items()) == SYNTHETIC_ROWS


@pytest.mark.real_dataset
def test_the_distributions_are_counted_from_the_real_file() -> None:
    """Counts that were once copied by hand would drift unseen."""
    source = real_dataset()
    lines = [FILE_HEADER, *(line.decode() for split in SPLITS for line in source.lines(split))]
    assert measure_marginals(lines) == marginals()
