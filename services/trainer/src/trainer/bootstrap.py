"""Draw patients again and again, to see how far a difference in AUROC is chance."""

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class RankedRows(msgspec.Struct, frozen=True):
    """Rows in ascending order of score: their places and labels, and where each group of equal scores begins."""

    order: NDArray[np.intp]
    labels: Floats
    starts: NDArray[np.intp]

    @classmethod
    def by(cls, scores: Floats, labels: Floats) -> "RankedRows":
        """Rank rows by scores (rows,) with labels (rows,) of 0 and 1."""
        order = np.argsort(scores, kind="stable")
        ascending = scores[order]
        starts = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
        return cls(order, labels[order], starts)

    def auroc(self, weights: Floats) -> float:
        """Return the AUROC with these row weights (rows,), ties counting half; NaN without both labels."""
        weighted = weights[self.order]
        positive = np.add.reduceat(weighted * self.labels, self.starts)
        negative = np.add.reduceat(weighted * (1.0 - self.labels), self.starts)
        below = np.cumsum(negative) - negative
        pairs = positive.sum() * negative.sum()
        return float((positive * (below + 0.5 * negative)).sum() / pairs) if pairs else float("nan")


def paired_auroc_gains(
    labels: Floats, patients: NDArray[np.int64], first: Floats, second: Floats, *, repetitions: int, seed: int
) -> Floats:
    """Return AUROC(first) - AUROC(second) for each repetition: float64, up to (repetitions,).

    Rows of one patient are not independent, so a repetition draws as many patients as there are, with replacement, each
    with all of its rows, for both scores alike. Repetitions whose rows all have one label are left out.
    """
    ranked_first, ranked_second = RankedRows.by(first, labels), RankedRows.by(second, labels)
    distinct, patient_of_row = np.unique(patients, return_inverse=True)
    generator = np.random.default_rng(seed)
    gains = np.empty(repetitions)
    for repetition in range(repetitions):
        drawn = np.bincount(generator.integers(len(distinct), size=len(distinct)), minlength=len(distinct))
        weights = drawn[patient_of_row].astype(np.float64)
        gains[repetition] = ranked_first.auroc(weights) - ranked_second.auroc(weights)
    return gains[~np.isnan(gains)]
