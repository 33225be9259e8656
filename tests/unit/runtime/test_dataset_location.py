"""The dataset is found in a fixed order, is the right one, or is loudly another."""

import hashlib
import zipfile
from functools import partial
from pathlib import Path

import pytest
from readmit_contracts.reasons import Reason
from readmit_contracts.source import DatasetInvalid
from readmit_runtime import dataset_location
from readmit_runtime.dataset_location import (
    DATASET_FILE,
    DATASET_VARIABLE,
    SYNTHETIC_FILE,
    Dataset,
    DownloadFailed,
    locate_dataset,
)
from readmit_runtime.synthetic_dataset import write_synthetic_dataset

REAL = b"encounter_id,patient_nbr\r\n1,2\r\n"
OTHER = b"encounter_id,patient_nbr\r\n1,3\r\n"


class Place:
    """A machine: a checkout with its state folder, an environment, and an archive that may be away."""

    def __init__(self, root: Path) -> None:
        self.checkout = root / "readmit"
        self.state = self.checkout / ".local"
        self.shared = root / "shared" / "data"
        self.environ: dict[str, str] = {}
        self.said: list[str] = []
        self.archive: bytes | None = None
        for folder in (self.state / "data", self.shared):
            folder.mkdir(parents=True)

    def locate(self) -> Dataset:
        """Look for the dataset."""
        return locate_dataset(
            state=self.state,
            checkout=self.checkout,
            environ=self.environ,
            announce=self.said.append,
            download=self._download,
        )

    def _download(self, target: Path) -> None:
        if self.archive is None:
            raise DownloadFailed("the UCI archive can't be reached (TimeoutError)")
        target.write_bytes(self.archive)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Let REAL be the dataset, and a file of ten rows the synthetic one."""
    monkeypatch.setattr(dataset_location, "DATASET_SHA256", hashlib.sha256(REAL).hexdigest())
    monkeypatch.setattr(dataset_location, "write_synthetic_dataset", partial(write_synthetic_dataset, rows=10))
    return Place(tmp_path)


def zipped(path: Path, content: bytes, *, name: str = f"dataset_diabetes/{DATASET_FILE}") -> Path:
    """Write a zip with one file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


def test_the_path_in_the_environment_comes_first(place: Place, tmp_path: Path) -> None:
    """Whoever sets it means it."""
    given = tmp_path / "mine.csv"
    given.write_bytes(REAL)
    (place.state / "data" / DATASET_FILE).write_bytes(OTHER)
    place.environ[DATASET_VARIABLE] = str(given)

    found = place.locate()
    assert found.path == given
    assert found.real
    assert found.sha256 == hashlib.sha256(REAL).hexdigest()
    assert place.said == []


def test_a_path_that_leads_nowhere_is_an_error_and_not_a_download(place: Place) -> None:
    """A typing mistake must not end in another file."""
    place.environ[DATASET_VARIABLE] = str(place.state / "absent.csv")
    with pytest.raises(DatasetInvalid, match=r"absent\.csv") as caught:
        place.locate()
    assert caught.value.reason == Reason.DATASET_MISSING


def test_the_state_folder_comes_before_the_shared_one(place: Place) -> None:
    """What was fetched once is used again."""
    own = place.state / "data" / DATASET_FILE
    own.write_bytes(REAL)
    (place.shared / DATASET_FILE).write_bytes(REAL)
    assert place.locate().path == own


def test_a_plain_file_in_the_shared_folder_is_used_where_it_lies(place: Place) -> None:
    """The folder may be read-only, and 19 MB need no second place."""
    shared = place.shared / DATASET_FILE
    shared.write_bytes(REAL)
    assert place.locate() == Dataset(shared, hashlib.sha256(REAL).hexdigest(), real=True)


def test_a_zip_in_the_shared_folder_is_unpacked_into_the_state_folder(place: Place) -> None:
    """UCI hands the file out as a zip, in which it lies in a folder of its own."""
    zipped(place.shared / "other.zip", b"x", name="readme.txt")
    zipped(place.shared / "uci.zip", REAL)
    found = place.locate()
    assert found.path == place.state / "data" / DATASET_FILE
    assert found.path.read_bytes() == REAL
    assert [file.name for file in (place.state / "data").iterdir()] == [DATASET_FILE]


def test_without_a_file_the_archive_is_asked_and_its_answer_kept(place: Place) -> None:
    """The second start needs no network."""
    place.archive = zipped(place.checkout / "a.zip", REAL).read_bytes()
    assert place.locate().real
    assert any("UCI" in line for line in place.said)

    place.archive = None
    assert place.locate().real


def test_another_file_is_refused_wherever_it_was_found(place: Place, tmp_path: Path) -> None:
    """Figures from another file would be believed."""
    given = tmp_path / "mine.csv"
    given.write_bytes(OTHER)
    with pytest.raises(DatasetInvalid, match="sha256") as caught:
        locate_given(place, given)
    assert caught.value.reason == Reason.DATASET_SHA256
    with pytest.raises(DatasetInvalid, match="sha256"):
        locate_given(place, zipped(tmp_path / "mine.zip", OTHER))
    assert list((place.state / "data").iterdir()) == []


def locate_given(place: Place, given: Path) -> Dataset:
    """Point the environment at a file."""
    place.environ[DATASET_VARIABLE] = str(given)
    return place.locate()


@pytest.mark.parametrize("archive", [None, b"<html>please log in</html>"], ids=["unreachable", "no zip"])
def test_with_nothing_at_all_a_synthetic_file_stands_in_and_says_so(place: Place, archive: bytes | None) -> None:
    """The flow can be tried offline; nobody may take its figures for real."""
    place.archive = archive
    found = place.locate()

    assert not found.real
    assert found.path == place.state / "data" / SYNTHETIC_FILE
    (warning,) = [line for line in place.said if line.startswith("WARNING")]
    assert "SYNTHETIC" in warning
    assert DATASET_VARIABLE in warning
    assert place.locate() == found


def test_the_synthetic_file_gives_way_to_the_real_one(place: Place) -> None:
    """A network that comes back mends it by the next start."""
    assert not place.locate().real
    (place.state / "data" / DATASET_FILE).write_bytes(REAL)
    assert place.locate().real


def test_a_zip_bomb_is_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small download must not fill the disk."""
    monkeypatch.setattr(dataset_location, "_SIZE_MAX", 1000)
    with pytest.raises(DatasetInvalid, match="at most 1000 bytes"):
        locate_given(place, zipped(place.checkout / "bomb.zip", b"0" * 3_000_000))
    assert list((place.state / "data").iterdir()) == []
