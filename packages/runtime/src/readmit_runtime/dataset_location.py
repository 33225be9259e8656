"""Find the real dataset, by a fixed order, and check that it is the one; else make a synthetic file, loudly.

The order: the path in READMIT_DATASET; the state folder's `data/`; `shared/data` beside the checkout; the UCI
archive. A file is taken as it lies; a zip is unpacked into the state folder.
"""

import hashlib
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO

from readmit_contracts.reasons import Reason
from readmit_contracts.source import DATASET_SHA256, DatasetInvalid

from readmit_runtime.synthetic_dataset import write_synthetic_dataset

DATASET_VARIABLE = "READMIT_DATASET"
DATASET_FILE = "diabetic_data.csv"
SYNTHETIC_FILE = "synthetic_diabetic_data.csv"
_ARCHIVE_FILE = "dataset_diabetes.zip"
_DOWNLOAD_TIMEOUT_S = 20.0
_SIZE_MAX = 64 * 1024 * 1024  # the file has 19 MB, its zip 3 MB
_BLOCK = 1024 * 1024

Announce = Callable[[str], None]
"""Shows a sentence to whoever started this."""


class DownloadFailed(Exception):
    """The archive could not be reached, or sent something that is no zip."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset's file on this machine; `real` is False for the synthetic one, which must yield no quality figures."""

    path: Path
    sha256: str
    real: bool


def locate_dataset(
    *,
    state: Path,
    checkout: Path,
    environ: Mapping[str, str],
    announce: Announce,
    download: Callable[[Path], None] | None = None,
) -> Dataset:
    """Return the dataset's file, its digest checked, or the synthetic one.

    `state` is the stack's folder (`.local`), `checkout` the repository's. `download` writes the archive's zip to a
    path or raises DownloadFailed. Raises DatasetInvalid when a file that should be the dataset is another: a wrong
    file is never replaced in silence.
    """
    given = environ.get(DATASET_VARIABLE)
    if given:
        return _take(Path(given).expanduser().resolve(), state)
    folders = (state / "data", checkout.parent / "shared" / "data")
    found = next((candidate for folder in folders for candidate in _candidates(folder)), None)
    if found is not None:
        return _take(found, state)
    announce("The dataset is not on this machine; it is fetched from the UCI archive (3 MB).")
    archive = state / "data" / _ARCHIVE_FILE
    archive.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(archive, download or download_archive)
    except DownloadFailed as failure:
        return _synthetic(state, announce, failure)
    return _take(archive, state)


def download_archive(target: Path) -> None:
    """Fetch the zip from the UCI archive over https; raises DownloadFailed."""
    try:
        with (
            urllib.request.urlopen(
                "https://archive.ics.uci.edu/static/public/296/diabetes+130-us+hospitals+for+years+1999-2008.zip",
                timeout=_DOWNLOAD_TIMEOUT_S,
            ) as answer,
            target.open("wb") as file,
        ):
            _copy(answer, file)
    except (OSError, HTTPException) as error:
        raise DownloadFailed(f"the UCI archive can't be reached ({type(error).__name__})") from error


def _fetch(archive: Path, download: Callable[[Path], None]) -> None:
    part = archive.with_name(archive.name + ".part")
    try:
        download(part)
        if not zipfile.is_zipfile(part):
            raise DownloadFailed("the UCI archive sent something that is no zip file")
        part.replace(archive)
    finally:
        part.unlink(missing_ok=True)


def _candidates(folder: Path) -> Iterator[Path]:
    plain = folder / DATASET_FILE
    if plain.is_file():
        yield plain
    if folder.is_dir():
        yield from (archive for archive in sorted(folder.glob("*.zip")) if _member(archive) is not None)


def _take(path: Path, state: Path) -> Dataset:
    if not path.is_file():
        raise DatasetInvalid(
            Reason.DATASET_MISSING, f"There is no file {path}; point {DATASET_VARIABLE} at {DATASET_FILE} or its zip."
        )
    if zipfile.is_zipfile(path):
        return _unpack(path, state)
    return _check(path, named=str(path))


def _check(file: Path, *, named: str) -> Dataset:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != DATASET_SHA256:
        raise DatasetInvalid(
            Reason.DATASET_SHA256,
            f"{named} is not the dataset: its sha256 is {digest} instead of {DATASET_SHA256}. Remove it, or point "
            f"{DATASET_VARIABLE} at the original {DATASET_FILE}.",
        )
    return Dataset(file, digest, real=True)


def _unpack(archive: Path, state: Path) -> Dataset:
    member = _member(archive)
    if member is None:
        raise DatasetInvalid(Reason.DATASET_MISSING, f"The zip {archive} holds no {DATASET_FILE}.")
    target = state / "data" / DATASET_FILE
    part = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as zipped, zipped.open(member) as source, part.open("wb") as file:
            _copy(source, file)
        checked = _check(part, named=f"{DATASET_FILE} in {archive}")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return Dataset(target, checked.sha256, real=True)


def _member(archive: Path) -> str | None:
    try:
        with zipfile.ZipFile(archive) as zipped:
            return next((name for name in zipped.namelist() if Path(name).name == DATASET_FILE), None)
    except (OSError, zipfile.BadZipFile):
        return None


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    size = 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > _SIZE_MAX:
            raise DatasetInvalid(Reason.TOO_LARGE, f"The dataset has at most {_SIZE_MAX} bytes; this is another file.")
        target.write(block)


def _synthetic(state: Path, announce: Announce, failure: DownloadFailed) -> Dataset:
    path = state / "data" / SYNTHETIC_FILE
    announce(
        f"WARNING: the real dataset can't be had: {failure}. A SYNTHETIC file of the same form stands in for it; every "
        f"quality figure from it is meaningless. Put {DATASET_FILE} or its zip into {path.parent}, or point "
        f"{DATASET_VARIABLE} at it, and start again."
    )
    if not path.is_file():
        write_synthetic_dataset(path)
    return Dataset(path, hashlib.sha256(path.read_bytes()).hexdigest(), real=False)
