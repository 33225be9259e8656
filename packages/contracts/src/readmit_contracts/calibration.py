"""Turn a model's score into a probability and a decision, by data that the bundle carries."""

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from readmit_contracts.events import Decision
from readmit_contracts.fields import Probability

SCORE_FLOOR = 1e-6  # keeps the logit finite


class Threshold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which probability on an encounter counts as high risk, and how that was chosen."""

    value: Probability
    rule: Annotated[str, Meta(max_length=200, description="How the value was chosen, in words.")]


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `calibration.json`.

    `identity` takes the score as it is; `platt` is the logistic of slope * logit(score) + intercept.
    """

    method: Literal["identity", "platt"] = "identity"
    slope: Annotated[float, Meta(ge=-100, le=100, description="Used by platt.")] = 1.0
    intercept: Annotated[float, Meta(ge=-100, le=100, description="Used by platt.")] = 0.0
    threshold: Threshold

    def probability(self, score: float) -> float:
        """Return the probability for a score between 0 and 1."""
        if self.method == "identity":
            return score
        clipped = min(max(score, SCORE_FLOOR), 1.0 - SCORE_FLOOR)
        log_odds = self.slope * math.log(clipped / (1.0 - clipped)) + self.intercept
        if log_odds < 0.0:  # exp of a large positive number would overflow
            return math.exp(log_odds) / (1.0 + math.exp(log_odds))
        return 1.0 / (1.0 + math.exp(-log_odds))

    def decision(self, probability: float) -> Decision:
        """Return high_risk when the probability reaches the threshold."""
        return "high_risk" if probability >= self.threshold.value else "low_risk"
