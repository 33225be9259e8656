"""Use a bundle's model as the predictor will: from its text, one record or a table at a time."""

from collections.abc import Sequence

import lightgbm
import numpy as np
from numpy.typing import NDArray
from readmit_contracts.calibration import Calibration
from readmit_contracts.golden import Record
from readmit_features import RecordEncoder, encode_table, read_features
from readmit_features.factors import CleanColumns


class Model:
    """A model read from a bundle's files. Raises `readmit_features.FeaturesInvalid` and LightGBM's own error."""

    def __init__(self, model: bytes, features: bytes, *, threads: int) -> None:
        self._booster = lightgbm.Booster(model_str=model.decode())
        self._vocabularies = read_features(features)
        self._encoder = RecordEncoder(self._vocabularies)
        self._threads = threads

    def scores(self, columns: CleanColumns) -> NDArray[np.float64]:
        """Return the uncalibrated score, 0 to 1, of every row of a clean table: float64 (rows,)."""
        return self.scores_encoded(encode_table(columns, self._vocabularies))

    def scores_encoded(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the uncalibrated scores of encoded rows."""
        return np.asarray(self._booster.predict(inputs, num_threads=self._threads), dtype=np.float64)

    def answer(self, record: Record, calibration: Calibration) -> tuple[Sequence[float], float]:
        """Return the encoded row of one raw record and its calibrated probability."""
        row = self._encoder.encode(record)
        score = float(self.scores_encoded(row.reshape(1, -1))[0])
        return row.tolist(), calibration.probability(score)

    def importance(self) -> dict[str, float]:
        """Return the gain that each feature brought over all trees."""
        gains = self._booster.feature_importance(importance_type="gain")
        return dict(zip(self._booster.feature_name(), map(float, gains), strict=True))


def probabilities(calibration: Calibration, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the calibrated probability of every score, by the same arithmetic as one record gets."""
    return np.array([calibration.probability(score) for score in scores.tolist()], dtype=np.float64)
