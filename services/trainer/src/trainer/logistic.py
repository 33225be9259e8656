"""Fit a logistic of a label on one number: the slope and intercept of a calibration."""

import numpy as np
from numpy.typing import NDArray
from readmit_contracts.calibration import SCORE_FLOOR

_STEPS_MAX = 100
_STEP_SMALL = 1e-10
_RIDGE = 1e-9  # keeps the step defined when the number never varies
_BOUND = 100.0  # what a calibration file may hold; labels that the number separates would go on for ever

Floats = NDArray[np.float64]


def logit(probabilities: Floats) -> Floats:
    """Return the log-odds, of probabilities kept clear of 0 and 1."""
    clipped = np.clip(probabilities, SCORE_FLOOR, 1.0 - SCORE_FLOOR)
    return np.log(clipped) - np.log1p(-clipped)


def fit_logistic(numbers: Floats, labels: Floats) -> tuple[float, float]:
    """Return (slope, intercept) of the most likely logistic, each within +-100; the labels hold both 0 and 1.

    Newton's method, each step halved until it is no step back. Sums, not matrix products: the last bits of those depend
    on the number of threads.
    """
    share = float(labels.mean())
    weights = np.array([0.0, np.log(share / (1.0 - share))])
    for _ in range(_STEPS_MAX):
        step = _newton_step(numbers, labels, weights)
        while _loss(numbers, labels, weights + step) > _loss(numbers, labels, weights):
            step /= 2.0
            if np.abs(step).max() < _STEP_SMALL:
                break
        weights = np.clip(weights + step, -_BOUND, _BOUND)
        if np.abs(step).max() < _STEP_SMALL:
            break
    return float(weights[0]), float(weights[1])


def _loss(numbers: Floats, labels: Floats, weights: Floats) -> float:
    log_odds = weights[0] * numbers + weights[1]
    return float((np.logaddexp(0.0, log_odds) - labels * log_odds).sum())


def _newton_step(numbers: Floats, labels: Floats, weights: Floats) -> Floats:
    log_odds = np.clip(weights[0] * numbers + weights[1], -_BOUND, _BOUND)  # keeps exp finite
    predicted = 1.0 / (1.0 + np.exp(-log_odds))
    residual, variance = labels - predicted, predicted * (1.0 - predicted)
    slope_slope, slope_one = (variance * numbers * numbers).sum(), (variance * numbers).sum()
    curvature = np.array([[slope_slope + _RIDGE, slope_one], [slope_one, variance.sum() + _RIDGE]])
    return np.linalg.solve(curvature, np.array([(residual * numbers).sum(), residual.sum()]))
