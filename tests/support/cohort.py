"""Make up cohorts of encounters with a label that can be learned, and frames of them."""

from collections.abc import Mapping
from pathlib import Path
from random import Random

from readmit_contracts.columns import COLUMNS, Column
from readmit_contracts.source import Split
from readmit_features.clean import clean_value
from trainer.frame import FrameWriter

DIAGNOSES = ("250.83", "401", "428", "V27", "E849", "?", "486", "585", "996", "296")
SPECIALTIES = ("?", "InternalMedicine", "Cardiology", "Surgery-General")


def cohort(rows: int, *, seed: int = 1) -> list[dict[str, str]]:
    """Give raw encounters by SQL name, two to a patient; readmission is likelier after more inpatient stays."""
    random = Random(seed)  # noqa: S311  # test data
    return [_encounter(number, random) for number in range(rows)]


def _encounter(number: int, random: Random) -> dict[str, str]:
    values = {column.sql_name: _value(column, random) for column in COLUMNS}
    inpatient = random.choice((0, 0, 0, 1, 2, 5))
    early = random.random() < 0.1 + 0.15 * inpatient
    return values | {
        "encounter_id": str(number + 1),
        "patient_nbr": str(number // 2 + 1),
        "number_inpatient": str(inpatient),
        "readmitted": "<30" if early else random.choice((">30", "NO")),
    }


def _value(column: Column, random: Random) -> str:
    if column.allowed is not None:
        return random.choice(column.allowed)
    if column.pattern is not None:
        return random.choice(DIAGNOSES if column.sql_name.startswith("diag_") else SPECIALTIES)
    low, high = column.minimum or 0, column.maximum or 0
    return str(random.randint(low, min(high, low + 15)))


def clean_row(number: int, raw: Mapping[str, str], *, dataset_no: int = 1) -> tuple[object, ...]:
    """Give the row of the clean table, in the order of its columns."""
    values = (clean_value(column, raw[column.sql_name]) for column in COLUMNS)
    return (dataset_no, number, *values, raw["readmitted"] == "<30")


def write_frame(path: Path, by_split: Mapping[Split, list[dict[str, str]]]) -> None:
    """Write a frame of raw encounters, numbered within their split."""
    with FrameWriter(path) as writer:
        for split, rows in by_split.items():
            writer.add(split, [clean_row(number, raw) for number, raw in enumerate(rows)])
