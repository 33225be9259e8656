"""Time the scoring call alone."""

import statistics
import time
from collections.abc import Callable

import lightgbm
import numpy as np
from predictor.lightgbm_library import Booster, RowScorer
from readmit_contracts.bundle import FEATURES_FILE, MODEL_FILE
from readmit_features import encode_table, read_features
from serving.fitting import Fitted
from support.model_bundles import clean_columns

SCORED = 2_000


def time_scoring(fitted: Fitted) -> dict[str, float]:
    """Score the same rows by our call and by `Booster.predict`, one at a time; give microseconds per row."""
    files = fitted.bundle.files
    encoded = encode_table(clean_columns(fitted.rows[:SCORED]), read_features(files[FEATURES_FILE]))
    row = np.zeros(encoded.shape[1])
    matrix = row.reshape(1, -1)
    scorer = RowScorer(Booster(files[MODEL_FILE]), row)
    package = lightgbm.Booster(model_str=files[MODEL_FILE].decode())

    def timed(score: Callable[[], float]) -> tuple[float, list[float]]:
        seconds, answers = [], []
        for values in encoded:
            row[:] = values
            began = time.perf_counter()
            answer = score()
            seconds.append(time.perf_counter() - began)
            answers.append(answer)
        return statistics.median(seconds) * 1e6, answers

    ours_us, ours = timed(scorer.score)
    package_us, theirs = timed(lambda: float(package.predict(matrix, num_threads=1)[0]))
    if ours != theirs:
        raise AssertionError("the scoring call and Booster.predict differ")
    return {"scoring_us": ours_us, "booster_predict_us": package_us, "ratio": package_us / ours_us}
