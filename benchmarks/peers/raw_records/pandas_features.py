"""Build the model's input with pandas, vectorised over rows, as a training notebook would.

It is a third executor of the project's one feature definition, and gives the same numbers as the two that serve.
"""

import pandas as pd
from readmit_features import FEATURE_NAMES, FEATURES, read_features
from readmit_features.clean import SOURCE_COLUMNS
from readmit_features.definition import CATEGORIES, DIAGNOSES, DRUGS, MEASURES, PRINCIPAL, SOURCES
from readmit_features.diagnoses import COMORBIDITIES

SQL_NAMES = {SOURCE_COLUMNS[name].name: name for name in SOURCES}
BRACKETS = {
    name: {bracket: place for place, bracket in enumerate(SOURCE_COLUMNS[name].known)} for name in ("age", "weight")
}
COUNTS = [name for name in MEASURES if SOURCE_COLUMNS[name].kind == "integer"]
NUMBERS = {feature.name: feature.number for feature in FEATURES}
VISITS_ACUTE = ["number_inpatient", "number_emergency"]
UNKNOWN = "?"


class PandasFeatures:
    """Encodes frames of raw encounters by the vocabularies of a features file."""

    def __init__(self, features: bytes) -> None:
        self._codes = {
            name: {level: place for place, level in enumerate(levels)}
            for name, levels in read_features(features).items()
        }

    def encode(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Return the model's input, float64 in the model's order; `raw` has the file's columns, unknown as marked."""
        frame = raw.rename(columns=SQL_NAMES)
        drugs = frame[list(DRUGS)]
        columns = {
            **{name: frame[name] for name in COUNTS},
            **{name: frame[name].map(places) for name, places in BRACKETS.items()},
            "change": frame["change"] == "Ch",
            "diabetes_med": frame["diabetes_med"] == "Yes",
            **{name: frame[name].map(self._codes[name]) for name in CATEGORIES},
            "max_glu_serum": frame["max_glu_serum"].map(NUMBERS["max_glu_serum"]),
            "a1c_result": frame["a1c_result"].map(NUMBERS["a1c_result"]),
            "disposition_group": frame["discharge_disposition_id"].map(NUMBERS["disposition_group"]),
            "visits": frame[[*VISITS_ACUTE, "number_outpatient"]].sum(axis=1),
            "visits_acute": frame[VISITS_ACUTE].sum(axis=1),
            "drugs_on": drugs.isin(["Steady", "Up", "Down"]).sum(axis=1),
            **{f"drugs_{dose.lower()}": (drugs == dose).sum(axis=1) for dose in ("Up", "Down", "Steady")},
        }
        return pd.concat([pd.DataFrame(columns), _comorbidities(frame)], axis=1)[list(FEATURE_NAMES)].astype("float64")


def _comorbidities(frame: pd.DataFrame) -> pd.DataFrame:
    """Count what the diagnoses speak for: each distinct code is judged once, then looked up."""
    diagnoses = frame[list(DIAGNOSES)].fillna(UNKNOWN)
    distinct = pd.unique(diagnoses.to_numpy().ravel())
    judged = pd.DataFrame({name: [rule(code) for code in distinct] for name, rule in COMORBIDITIES.items()}, distinct)
    first, *others = [judged.loc[diagnoses[name]].set_axis(frame.index).astype("float64") for name in DIAGNOSES]
    return pd.concat([sum(others, first).add_prefix("has_"), first[list(PRINCIPAL)].add_prefix("for_")], axis=1)
