import math

import pytest
from readmit_features.diagnoses import COMORBIDITIES, code_number


@pytest.mark.parametrize(
    ("code", "conditions"),
    [
        ("428", {"heart_failure"}),
        ("427.9", {"arrhythmia"}),
        ("403", {"chronic_kidney"}),
        ("401", {"hypertension"}),
        ("197", {"cancer", "metastasis"}),
        ("296", {"mental", "depression"}),
        ("296.3", {"mental"}),
        ("292", {"mental", "substance"}),
        ("38", {"sepsis"}),
        ("995.92", {"sepsis"}),
        ("996", {"care_complication"}),
        ("250", set()),
        ("250.01", set()),
        ("250.02", {"diabetes_uncontrolled"}),
        ("250.4", {"diabetes_complicated"}),
        ("250.83", {"diabetes_complicated", "diabetes_uncontrolled"}),
        ("V57", {"rehabilitation"}),
        ("V45", {"dialysis"}),
        ("V56.1", {"dialysis"}),
        ("E428", set()),
        ("999.99", {"care_complication"}),
    ],
)
def test_a_code_speaks_for_its_conditions_and_no_other(code: str, conditions: set[str]) -> None:
    """Ranges take their lower bound in and leave the upper out; supplementary codes are in no range."""
    assert {name for name, rule in COMORBIDITIES.items() if rule(code)} == conditions


@pytest.mark.parametrize("code", ["V27", "E849.7", "?", "", "abc"])
def test_what_has_no_number_is_in_no_range(code: str) -> None:
    """The encoder answers anything a request may hold, and NaN compares false with every bound."""
    assert math.isnan(code_number(code))
