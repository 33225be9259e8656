"""Take a column apart into its distinct values and where each stands."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from readmit_features.definition import Clean

CleanColumns = Mapping[str, NDArray[Any]]
"""Columns of a clean table by SQL name, each of shape (rows,); None or NaN for NULL."""


class Factor(msgspec.Struct, frozen=True):
    """A column as `values[places]`: its distinct clean values, and for each row the place of its value."""

    values: tuple[Clean, ...]
    places: NDArray[np.intp]


def factor(column: NDArray[Any]) -> Factor:
    """Take a column of integers, booleans or Python objects apart; of floats, NaN is None and the others are whole."""
    if column.dtype.kind == "O":
        found: dict[Clean, int] = {}
        places = np.fromiter((found.setdefault(value, len(found)) for value in column), np.intp, len(column))
        return Factor(tuple(found), places)
    distinct, places = np.unique(column, return_inverse=True)
    if column.dtype.kind == "f":
        return Factor(tuple(None if np.isnan(value) else int(value) for value in distinct), places)
    return Factor(tuple(distinct.tolist()), places)
