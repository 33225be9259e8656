"""Hold the figures of one model on one set of rows; computing them needs far more libraries: see `evaluate.py`."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """One of the equal-count bins of a reliability diagram."""

    rows: int
    predicted: Annotated[float, Meta(description="Mean probability.")]
    observed: Annotated[float, Meta(description="Share of positives.")]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one model on one set of rows."""

    rows: int
    positives: int
    auroc: float
    auprc: Annotated[float, Meta(description="Average precision.")]
    brier: float
    brier_skill: Annotated[float, Meta(description="1 - Brier / Brier of the base rate.")]
    ece: Annotated[float, Meta(description="Expected calibration error over 15 bins of equal count.")]
    calibration_slope: Annotated[float, Meta(description="Of a logistic of label on logit; 1 is right, < 1 too sure.")]
    calibration_intercept: Annotated[float, Meta(description="Of the same logistic; 0 is right.")]
    calibration_in_the_large: Annotated[float, Meta(description="Share of positives minus mean probability.")]
    flagged: Annotated[float, Meta(description="Share of rows at or over the threshold.")]
    precision: Annotated[float, Meta(description="Share of positives among the flagged; 0 when none is flagged.")]
    recall: Annotated[float, Meta(description="Share of the positives that is flagged.")]
    bins: tuple[Bin, ...]

    def figures(self) -> dict[str, float]:
        """Return every figure by name, without the bins."""
        return {name: float(value) for name, value in msgspec.structs.asdict(self).items() if name != "bins"}
