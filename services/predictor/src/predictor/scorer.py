"""Score one encoded encounter with LightGBM."""

from typing import Protocol

import lightgbm
import numpy as np
from numpy.typing import NDArray


class Scorer(Protocol):
    """Scores the row that it was made over: the owner fills the row, then asks.

    Row and scorer are shared state without a lock: one thread uses both, and nothing is awaited between filling and
    asking.
    """

    def score(self) -> float:
        """Return the model's score of the row as it stands, 0 to 1, before calibration."""
        ...


class BoosterScorer:
    """A Scorer by the Python package's own `Booster.predict`."""

    def __init__(self, booster: lightgbm.Booster, row: NDArray[np.float64]) -> None:
        """Take the row, float64 (features,), which must not move."""
        self._booster = booster
        self._matrix = row.reshape(1, -1)

    def score(self) -> float:
        """Return the score of the row."""
        # one thread: waking others for a single row costs more than its scoring
        return float(self._booster.predict(self._matrix, num_threads=1)[0])
