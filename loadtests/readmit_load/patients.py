"""Make patients that the contract accepts, no two of them alike but by chance, and take real ones from the dataset."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from random import Random

import msgspec
from readmit_contracts.columns import COLUMNS, FILE_HEADER, Column
from readmit_contracts.predictions import REQUEST_COLUMNS, Encounter

Patient = Mapping[str, int | str]

_EVERY = 50  # of the file's lines: patients of all years, and a file that is read in no time
_USUAL = 20  # most integers of the file lie this near to their least value
_SPECIALTIES = ("InternalMedicine", "Cardiology", "Surgery-General", "Family/GeneralPractice", "Orthopedics", "?")

_decode = msgspec.json.Decoder(Encounter).decode


class DatasetUnusable(Exception):
    """The file holds no encounter that could be asked about."""


def made_up(count: int, random: Random) -> list[Patient]:
    """Return patients whose every value is drawn from what its column allows; some unknown values are left out."""
    return [_patient(random) for _ in range(count)]


def of_dataset(path: Path, count: int) -> list[Patient]:
    """Return patients of the dataset's file; raises DatasetUnusable."""
    try:
        found = list(islice(_valid(path), count))
    except OSError as error:
        raise DatasetUnusable(f"READMIT_DATASET, {path}, can't be read: {error.strerror}.") from error
    if not found:
        raise DatasetUnusable(f"{path} holds no encounter in the dataset's form; unset READMIT_DATASET to go without.")
    return found


def body(patient: Patient) -> bytes:
    """Return the request about one patient."""
    return json.dumps(patient, separators=(",", ":")).encode()


def batch_body(patients: Sequence[Patient]) -> bytes:
    """Return the request about several."""
    return json.dumps(list(patients), separators=(",", ":")).encode()


def frame_body(patient: Patient) -> bytes:
    """Return the request about one patient in the form of MLflow's scoring server; unknown is a marker."""
    whole = {
        column.name: patient.get(column.name, column.missing[0] if column.missing else None)
        for column in REQUEST_COLUMNS
    }
    return json.dumps({"dataframe_split": {"columns": list(whole), "data": [list(whole.values())]}}).encode()


def _patient(random: Random) -> Patient:
    values = {column.name: _value(column, random) for column in REQUEST_COLUMNS}
    unknown = {column.name: column.missing for column in REQUEST_COLUMNS}
    return {name: value for name, value in values.items() if value not in unknown[name] or random.random() < 0.5}


def _value(column: Column, random: Random) -> int | str:
    if column.allowed is not None:
        return random.choice(column.allowed)
    if column.pattern is not None:
        return _PATTERNS[column.pattern](random)
    low, high = column.minimum or 0, column.maximum or 0
    return random.randint(low, high if random.random() < 0.1 else min(high, low + _USUAL))


def _diagnosis(random: Random) -> str:
    kind = random.random()
    if kind < 0.05:
        return "?"
    if kind < 0.15:
        return f"V{random.randint(1, 91):02}"
    if kind < 0.2:
        return f"E{random.randint(800, 999)}"
    code = str(random.randint(1, 999))
    return f"{code}.{random.randint(0, 99):02}" if kind < 0.5 else code


def _specialty(random: Random) -> str:
    return random.choice(_SPECIALTIES)


# By the pattern itself, not by the column: another pattern in the contract is an error here, and no bad request later.
_PATTERNS: Mapping[str, Callable[[Random], str]] = {
    next(column.pattern for column in COLUMNS if column.name == name and column.pattern): make
    for name, make in (("diag_1", _diagnosis), ("medical_specialty", _specialty))
}


def _valid(path: Path) -> Iterator[Patient]:
    with path.open(encoding="utf-8", newline="") as file:
        if file.readline().strip() != FILE_HEADER:
            raise DatasetUnusable(f"{path} has not the dataset's header; unset READMIT_DATASET to go without it.")
        for line in islice(file, 0, None, _EVERY):
            values = dict(zip((column.name for column in COLUMNS), line.strip().split(","), strict=False))
            try:
                patient = {
                    column.name: int(values[column.name]) if column.kind == "integer" else values[column.name]
                    for column in REQUEST_COLUMNS
                }
                _decode(body(patient))
            except (KeyError, ValueError, msgspec.ValidationError):
                continue  # the dataset's own bad rows are the ingest's subject
            yield patient
