"""Encode many encounters at once, each distinct source value once."""

import numpy as np
from numpy.typing import NDArray

from readmit_features.definition import FEATURES, SOURCES, numbers
from readmit_features.factors import CleanColumns, factor
from readmit_features.vocabularies import Vocabularies


def encode_table(columns: CleanColumns, vocabularies: Vocabularies) -> NDArray[np.float64]:
    """Return the model's input: float64 (rows, features) in `FEATURES` order, NaN for unknown.

    `columns` are those of a clean table by SQL name. Raises KeyError when a column or vocabulary is absent.
    """
    factors = {name: factor(columns[name]) for name in SOURCES}
    matrix = np.zeros((len(factors[SOURCES[0]].places), len(FEATURES)))
    for position, feature in enumerate(FEATURES):
        number = numbers(feature, vocabularies)
        for name in feature.columns:
            values, places = factors[name].values, factors[name].places
            matrix[:, position] += np.array([number(value) for value in values], dtype=np.float64)[places]
    return matrix
