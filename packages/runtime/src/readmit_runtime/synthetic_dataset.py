"""Make a file of the real dataset's form where the real one can't be had: for trying things out, never for figures.

Size and the distribution of each column are the real file's (counts in `synthetic_marginals.json`; a test keeps
them equal to the file). Columns are independent of each other. Patients come back as often as they do, so that
splitting by patient has work; the label follows earlier stays and the way of discharge, plus chance.
"""

import csv
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from itertools import accumulate
from math import log
from pathlib import Path

from readmit_contracts.columns import FILE_HEADER

SYNTHETIC_ROWS = 101_766
SYNTHETIC_SEED = 20_080_101

ENCOUNTER = "encounter_id"
PATIENT = "patient_nbr"
LABEL = "readmitted"
STAYS = "stays_per_patient"
"""Beside the columns in the marginals: how many patients have 1, 2, 3 ... encounters."""

# In units of one earlier inpatient stay. Hospice and death exclude a readmission.
_WEIGHTS = {"number_inpatient": 1.0, "number_emergency": 0.5, "time_in_hospital": 0.12, "number_diagnoses": 0.15}
_NEVER_BACK = frozenset({"11", "13", "14", "19", "20", "21"})
_NOISE = 2.5  # with it the label is about as hard to foresee as the real one
_ID_MAX = 400_000_000

Marginals = Mapping[str, Mapping[str, int]]


def write_synthetic_dataset(path: Path, *, rows: int = SYNTHETIC_ROWS, seed: int = SYNTHETIC_SEED) -> None:
    """Write a synthetic file to `path`; the same rows and seed give the same bytes."""
    chance = random.Random(seed)  # noqa: S311 - made-up rows, not secrets
    columns = _columns(marginals(), rows, chance)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")  # as in the real file
        names = FILE_HEADER.split(",")
        writer.writerow(names)
        writer.writerows(zip(*(columns[name] for name in names), strict=True))
    part.replace(path)


def marginals() -> Marginals:
    """Return, per column but the two identifiers, how often each value occurs in the real file; and `STAYS`."""
    text = resources.files("readmit_runtime").joinpath("synthetic_marginals.json").read_text(encoding="utf-8")
    counts: Marginals = json.loads(text)
    return counts


def measure_marginals(lines: Iterable[str]) -> Marginals:
    """Count a real file's values, header line first; what `synthetic_marginals.json` was made with."""
    reader = csv.reader(lines)
    names = next(reader)
    columns = dict(zip(names, zip(*reader, strict=True), strict=True))
    counts = {name: _sorted(Counter(columns[name])) for name in names if name not in {ENCOUNTER, PATIENT}}
    stays = Counter(str(count) for count in Counter(columns[PATIENT]).values())
    return {**counts, STAYS: _sorted(stays)}


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _columns(counts: Marginals, rows: int, chance: random.Random) -> dict[str, Sequence[str]]:
    columns: dict[str, Sequence[str]] = {
        name: _draw(values, rows, chance) for name, values in counts.items() if name not in {STAYS, LABEL}
    }
    columns[ENCOUNTER] = [str(number) for number in chance.sample(range(1, _ID_MAX), rows)]
    columns[PATIENT] = _patients(counts[STAYS], rows, chance)
    columns[LABEL] = _labels(columns, counts[LABEL], chance)
    return columns


def _draw(values: Mapping[str, int], rows: int, chance: random.Random) -> list[str]:
    return chance.choices(list(values), cum_weights=list(accumulate(values.values())), k=rows)


def _patients(stays: Mapping[str, int], rows: int, chance: random.Random) -> list[str]:
    numbers = iter(chance.sample(range(1, _ID_MAX), rows))
    patients: list[str] = []
    for count in _draw(stays, rows, chance):
        if len(patients) >= rows:
            break
        patients += [str(next(numbers))] * int(count)
    del patients[rows:]
    chance.shuffle(patients)
    return patients


def _labels(columns: Mapping[str, Sequence[str]], shares: Mapping[str, int], chance: random.Random) -> list[str]:
    """Give the highest risks `<30`, the next `>30`, the rest `NO`, in the real file's shares."""
    risks = [0.0] * len(columns[ENCOUNTER])
    for name, weight in _WEIGHTS.items():
        risks = [risk + weight * float(value) for risk, value in zip(risks, columns[name], strict=True)]
    risks = [
        float("-inf") if way in _NEVER_BACK else risk + _NOISE * _logistic(chance)
        for risk, way in zip(risks, columns["discharge_disposition_id"], strict=True)
    ]
    total = sum(shares.values())
    soon = round(len(risks) * shares["<30"] / total)
    later = round(len(risks) * shares[">30"] / total)
    labels = ["NO"] * len(risks)
    for rank, row in enumerate(sorted(range(len(risks)), key=risks.__getitem__, reverse=True)[: soon + later]):
        labels[row] = "<30" if rank < soon else ">30"
    return labels


def _logistic(chance: random.Random) -> float:
    share = chance.random() or 0.5
    return log(share / (1.0 - share))
