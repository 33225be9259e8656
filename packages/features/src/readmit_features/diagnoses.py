"""Read ICD-9 codes: the comorbidities that a diagnosis speaks for.

A code is text such as `250.83`, `V27` or `E849.7`. Ranges compare its number; V and E codes have none and lie in none.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

Rule = Callable[[str], bool]


def _between(*ranges: tuple[float, float]) -> Rule:
    """Hold for codes whose number n has low <= n < high in one of the ranges."""

    def rule(code: str) -> bool:
        number = code_number(code)
        return any(low <= number < high for low, high in ranges)

    return rule


def _starting(*prefixes: str) -> Rule:
    return lambda code: code.startswith(prefixes)


def _complicated_diabetes(code: str) -> bool:
    return code.startswith("250.") and code[4:5] in set("123456789")


def _uncontrolled_diabetes(code: str) -> bool:
    return code.startswith("250.") and len(code) == len("250.02") and code[-1] in "23"


COMORBIDITIES: Mapping[str, Rule] = MappingProxyType(
    {
        "heart_failure": _between((428, 429)),
        "ischaemic_heart": _between((410, 415)),
        "arrhythmia": _between((426, 428)),
        "chronic_kidney": _between((403, 405), (585, 587)),
        "acute_kidney": _between((584, 585)),
        "chronic_lung": _between((490, 497)),
        "pneumonia": _between((480, 489)),
        "cancer": _between((140, 209)),
        "metastasis": _between((196, 200)),
        "stroke": _between((430, 439)),
        "peripheral_vessel": _between((440, 448)),
        "liver": _between((570, 574)),
        "anaemia": _between((280, 286)),
        "mental": _between((290, 320)),
        "substance": _between((291, 293), (303, 306)),
        "depression": lambda code: code in {"296", "300", "311"},
        "skin_ulcer": _between((707, 708)),
        "cellulitis": _between((681, 683)),
        "sepsis": _between((38, 39), (995.9, 996)),
        "fluid_disorder": _between((276, 277)),
        "care_complication": _between((996, 1000)),
        "hypertension": _between((401, 403)),
        "obesity": _between((278, 279)),
        "rehabilitation": _starting("V57"),
        "dialysis": _starting("V45", "V56"),
        "diabetes_complicated": _complicated_diabetes,
        "diabetes_uncontrolled": _uncontrolled_diabetes,
        "pancreas": _between((577, 578)),
        "sickle_cell": _between((282.6, 282.7)),
    }
)


def code_number(code: str) -> float:
    """Return the number of an ICD-9 code, NaN for V and E codes and for what is no code."""
    try:
        return float(code)
    except ValueError:
        return math.nan
