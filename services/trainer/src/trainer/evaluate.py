"""Measure how well probabilities rank and how far they can be believed."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from trainer.evaluation import Bin, Evaluation
from trainer.logistic import fit_logistic, logit

BINS = 15

Floats = NDArray[np.float64]


class OneClass(Exception):
    """The rows all have the same label, so nothing can be said of ranking."""


def evaluate(labels: Floats, probabilities: Floats, *, threshold: float) -> Evaluation:
    """Return the figures for labels (rows,) of 0 and 1 and probabilities (rows,); raises OneClass."""
    positives = int(labels.sum())
    if positives in {0, len(labels)}:
        raise OneClass(f"All {len(labels)} rows have the same label; evaluate on more rows.")
    base_rate = positives / len(labels)
    brier = float(brier_score_loss(labels, probabilities))
    bins = reliability_bins(labels, probabilities)
    slope, intercept = fit_logistic(logit(probabilities), labels)
    flagged = probabilities >= threshold
    hits = float(labels[flagged].sum())
    return Evaluation(
        rows=len(labels),
        positives=positives,
        auroc=float(roc_auc_score(labels, probabilities)),
        auprc=float(average_precision_score(labels, probabilities)),
        brier=brier,
        brier_skill=1.0 - brier / (base_rate * (1.0 - base_rate)),
        ece=sum(entry.rows * abs(entry.predicted - entry.observed) for entry in bins) / len(labels),
        calibration_slope=slope,
        calibration_intercept=intercept,
        calibration_in_the_large=base_rate - float(probabilities.mean()),
        flagged=float(flagged.mean()),
        precision=hits / max(1, int(flagged.sum())),
        recall=hits / positives,
        bins=bins,
    )


def reliability_bins(labels: Floats, probabilities: Floats) -> tuple[Bin, ...]:
    """Return up to 15 bins of equal count, ascending by probability."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return tuple(
        Bin(rows=len(part), predicted=float(probabilities[part].mean()), observed=float(labels[part].mean()))
        for part in parts
    )
