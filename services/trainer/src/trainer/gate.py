"""Decide whether a challenger takes the champion's place, on rows that both were judged on.

The rule of this version: without a champion every model passes; otherwise the challenger's AUROC on the same validation
rows must be higher. The bootstrap's bounds are evidence beside it and decide nothing.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.bootstrap import paired_auroc_gains
from trainer.decision import Decision
from trainer.evaluate import evaluate
from trainer.evaluation import Evaluation

RULE: Final = "validation AUROC higher than the champion's"
NOT_BETTER: Final = "AUROC_NOT_BETTER"
REPETITIONS: Final = 1000
SEED: Final = 20_130_517  # any fixed number: the same rows and models give the same bounds

Floats = NDArray[np.float64]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A model and what it says of the rows in question: probabilities (rows,) and its threshold."""

    model_id: str
    probabilities: Floats
    threshold: float


def decide(labels: Floats, patients: NDArray[np.int64], *, challenger: Judged, champion: Judged | None) -> Decision:
    """Return the gate's decision on rows with these labels and patients, each (rows,); raises evaluate.OneClass."""
    metrics = _figures("challenger", _evaluate(labels, challenger))
    refusals: tuple[str, ...] = ()
    if champion is not None:
        metrics |= _figures("champion", _evaluate(labels, champion))
        metrics |= _gain(labels, patients, challenger=challenger, champion=champion)
        metrics["auroc_gain"] = metrics["challenger_auroc"] - metrics["champion_auroc"]
        refusals = () if metrics["challenger_auroc"] > metrics["champion_auroc"] else (NOT_BETTER,)
    return Decision(
        rule=RULE,
        passed=not refusals,
        refusals=refusals,
        challenger=challenger.model_id,
        champion=champion.model_id if champion is not None else None,
        rows=len(labels),
        patients=len(np.unique(patients)),
        metrics=metrics,
    )


def _evaluate(labels: Floats, judged: Judged) -> Evaluation:
    return evaluate(labels, judged.probabilities, threshold=judged.threshold)


def _figures(who: str, evaluation: Evaluation) -> dict[str, float]:
    return {f"{who}_{name}": value for name, value in evaluation.figures().items() if name not in {"rows", "positives"}}


def _gain(labels: Floats, patients: NDArray[np.int64], *, challenger: Judged, champion: Judged) -> dict[str, float]:
    gains = paired_auroc_gains(
        labels, patients, challenger.probabilities, champion.probabilities, repetitions=REPETITIONS, seed=SEED
    )
    if not len(gains):
        return {}
    lower, upper = np.quantile(gains, [0.05, 0.95])
    return {"auroc_gain_lower": float(lower), "auroc_gain_upper": float(upper)}
