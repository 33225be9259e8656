"""Define the model's input: one row per feature, in the order of the matrix's columns.

A feature is a number per value of a source column, added over its source columns. Both executors, `table.py` and
`record.py`, do no more than look these numbers up and add them, so they cannot differ. Sums are of whole numbers, so
the order of adding is free.

Version 1 is stateless (one encounter alone) and has plain integer codes for categories. Ids of encounters and patients
are no features, nor are `examide` and `citoglipton`, which never vary.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from readmit_features.diagnoses import COMORBIDITIES, Rule

FEATURE_VERSION = 1
SUPPORTED_VERSIONS: tuple[int, ...] = (1,)  # what this code can read: the current version and the one before

Level = int | str
Clean = bool | int | str | None
Number = Callable[[Clean], float]
Kind = Literal["numeric", "categorical"]

DIAGNOSES = ("diag_1", "diag_2", "diag_3")
DRUGS = (
    "metformin", "repaglinide", "nateglinide", "chlorpropamide", "glimepiride", "acetohexamide", "glipizide",
    "glyburide", "tolbutamide", "pioglitazone", "rosiglitazone", "acarbose", "miglitol", "troglitazone", "tolazamide",
    "insulin", "glyburide_metformin", "glipizide_metformin", "glimepiride_pioglitazone", "metformin_rosiglitazone",
    "metformin_pioglitazone",
)  # fmt: skip
MEASURES = (
    "age", "weight", "time_in_hospital", "num_lab_procedures", "num_procedures", "num_medications",
    "number_outpatient", "number_emergency", "number_inpatient", "number_diagnoses", "change", "diabetes_med",
)  # fmt: skip
CATEGORIES = (
    "race", "gender", "admission_type_id", "discharge_disposition_id", "admission_source_id", "payer_code",
    "medical_specialty", *DIAGNOSES, *DRUGS,
)  # fmt: skip
PRINCIPAL = ("heart_failure", "chronic_kidney", "chronic_lung", "diabetes_complicated", "cancer")

_DISPOSITION_GROUPS: tuple[frozenset[int], ...] = (
    frozenset({1}),  # home
    frozenset({6, 8}),  # home with care
    frozenset({3, 4, 15, 23, 24}),  # nursing or long-term care
    frozenset({2, 5, 9, 10, 22, 27, 28, 29, 30}),  # another hospital, rehabilitation
    frozenset({11, 13, 14, 19, 20, 21}),  # died, hospice
    frozenset({7}),  # left against advice
    frozenset({12, 16, 17}),  # comes back as an outpatient
)


class Feature(msgspec.Struct, frozen=True):
    """One column of the model's input.

    `number` gives the number of a source value, and the feature is their sum over `columns`. A categorical feature has
    one column and no `number`: its value's place in the vocabulary is the number, NaN for unknown and unseen values.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    number: Number | None = None


def _measure(value: Clean) -> float:
    return math.nan if value is None else float(value)


def _place(*levels: str) -> Number:
    places: dict[Clean, float] = {level: float(place) for place, level in enumerate(levels)}
    return lambda value: places.get(value, math.nan)


def _disposition_group(value: Clean) -> float:
    if value is None:
        return math.nan
    for group, ids in enumerate(_DISPOSITION_GROUPS):
        if value in ids:
            return float(group)
    return float(len(_DISPOSITION_GROUPS))  # any other id, known or not


def _dose(*doses: str) -> Number:
    return lambda value: float(value in doses)


def _holds(rule: Rule) -> Number:
    return lambda value: float(isinstance(value, str) and rule(value))


def _version_1() -> tuple[Feature, ...]:
    return (
        *(Feature(name, "numeric", (name,), _measure) for name in MEASURES),
        *(Feature(name, "categorical", (name,)) for name in CATEGORIES),
        Feature("max_glu_serum", "numeric", ("max_glu_serum",), _place("Norm", ">200", ">300")),
        Feature("a1c_result", "numeric", ("a1c_result",), _place("Norm", ">7", ">8")),
        Feature("disposition_group", "numeric", ("discharge_disposition_id",), _disposition_group),
        Feature("visits", "numeric", ("number_inpatient", "number_emergency", "number_outpatient"), _measure),
        Feature("visits_acute", "numeric", ("number_inpatient", "number_emergency"), _measure),
        Feature("drugs_on", "numeric", DRUGS, _dose("Steady", "Up", "Down")),
        Feature("drugs_up", "numeric", DRUGS, _dose("Up")),
        Feature("drugs_down", "numeric", DRUGS, _dose("Down")),
        Feature("drugs_steady", "numeric", DRUGS, _dose("Steady")),
        *(Feature(f"has_{name}", "numeric", DIAGNOSES, _holds(rule)) for name, rule in COMORBIDITIES.items()),
        *(Feature(f"for_{name}", "numeric", DIAGNOSES[:1], _holds(COMORBIDITIES[name])) for name in PRINCIPAL),
    )


FEATURES: tuple[Feature, ...] = _version_1()
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
SOURCES: tuple[str, ...] = tuple(dict.fromkeys(name for feature in FEATURES for name in feature.columns))


def numbers(feature: Feature, vocabularies: Mapping[str, Sequence[Level]]) -> Number:
    """Return the function from a clean source value to the feature's number; raises KeyError without its vocabulary."""
    if feature.number is not None:
        return feature.number
    codes: dict[Clean, float] = {level: float(code) for code, level in enumerate(vocabularies[feature.columns[0]])}
    return lambda value: codes.get(value, math.nan)
