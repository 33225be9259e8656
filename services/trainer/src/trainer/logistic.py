"""Fit a logistic of a label on one number: the slope and intercept of a calibration."""

import numpy as np
from numpy.typing import NDArray
from readmit_contracts.calibration import SCORE_FLOOR

_STEPS_MAX = 50
_STEP_SMALL = 1e-10
_RIDGE = 1e-9  # keeps the step defined when labels are separable or the number never varies
_BOUND = 100.0  # what a calibration file may hold

Floats = NDArray[np.float64]


def logit(probabilities: Floats) -> Floats:
    """Return the log-odds, of probabilities kept clear of 0 and 1."""
    clipped = np.clip(probabilities, SCORE_FLOOR, 1.0 - SCORE_FLOOR)
    return np.log(clipped) - np.log1p(-clipped)


def fit_logistic(numbers: Floats, labels: Floats) -> tuple[float, float]:
    """Return (slope, intercept) of the most likely logistic by Newton's method, each within +-100."""
    design = np.column_stack([numbers, np.ones_like(numbers)])
    weights = np.array([1.0, 0.0])
    for _ in range(_STEPS_MAX):
        predicted = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -_BOUND, _BOUND)))
        gradient = design.T @ (labels - predicted)
        curvature = (design * (predicted * (1.0 - predicted))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        weights = np.clip(weights + step, -_BOUND, _BOUND)
        if np.abs(step).max() < _STEP_SMALL:
            break
    return float(weights[0]), float(weights[1])
