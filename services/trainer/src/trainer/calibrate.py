"""Fit what turns a model's scores into probabilities and decisions."""

import numpy as np
from numpy.typing import NDArray
from readmit_contracts.calibration import Calibration, Threshold

from trainer.logistic import fit_logistic, logit

Floats = NDArray[np.float64]


def flag_riskiest(probabilities: Floats, *, share: float) -> Threshold:
    """Return the threshold that the riskiest `share` of these rows reaches.

    A follow-up programme has places for so many patients, so the share is what a hospital can decide on; rows that tie
    at the threshold are all flagged.
    """
    value = float(np.quantile(probabilities, 1.0 - share, method="higher"))
    return Threshold(value=value, rule=f"the riskiest {share:.0%} of the validation encounters reach it")


def uncalibrated(scores: Floats, *, share: float) -> Calibration:
    """Return the calibration that takes scores as they are.

    Right for a model fitted on the plain label: its scores are probabilities already.
    """
    return Calibration(threshold=flag_riskiest(scores, share=share))


def platt(scores: Floats, labels: Floats, *, share: float) -> Calibration:
    """Return the logistic of the labels on the scores' log-odds; fit it on rows that no gate judges."""
    slope, intercept = fit_logistic(logit(scores), labels)
    plain = Calibration(method="platt", slope=slope, intercept=intercept, threshold=Threshold(value=1.0, rule=""))
    calibrated = np.array([plain.probability(score) for score in scores.tolist()])
    return Calibration(
        method="platt", slope=slope, intercept=intercept, threshold=flag_riskiest(calibrated, share=share)
    )
