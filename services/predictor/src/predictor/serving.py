"""Hold the model that answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, Self

from readmit_contracts.calibration import Calibration
from readmit_contracts.events import ModelPromoted
from readmit_contracts.golden import Record
from readmit_contracts.predictions import ServedModel
from readmit_features import RecordEncoder

from predictor.lightgbm_library import Booster


class ScoreInvalid(Exception):
    """The model's answer is no probability."""


class Scorer(Protocol):
    """Scores the encoder's row as it stands."""

    def score(self) -> float:
        """Return the model's score of the row, 0 to 1, before calibration."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready to answer, and everything that belongs to it: never changed, only replaced as a whole.

    Encoder and scorer share one row, so only the event loop's thread asks for a `probability`; any thread may ask for
    `probabilities`.
    """

    identity: ServedModel
    feature_version: int
    calibration: Calibration
    encoder: RecordEncoder
    scorer: Scorer
    booster: Booster
    since: datetime
    confirmed: bool = True
    """Whether the topic named its promotion to this process; False for one from the cache."""

    def promoted(self, promotion: ModelPromoted, *, now: datetime) -> Self:
        """Return the same model under another promotion of it."""
        return replace(self, identity=identity_of(promotion), since=now, confirmed=True)

    def probability(self, record: Record) -> float:
        """Return the calibrated probability of readmission within 30 days, for an encounter's fields by name.

        Raises ScoreInvalid, and what `RecordEncoder.encode` raises.
        """
        self.encoder.encode(record)
        return self._calibrated(self.scorer.score())

    def probabilities(self, records: Sequence[Record]) -> list[float]:
        """Return the same for many encounters, in their order."""
        scores = self.booster.predict(self.encoder.encode_many(records))
        return [self._calibrated(score) for score in scores.tolist()]

    def _calibrated(self, score: float) -> float:
        probability = self.calibration.probability(score)
        if not 0.0 <= probability <= 1.0:  # not a number is neither
            raise ScoreInvalid(f"Model {self.identity.model_id} gave no probability; promote another one.")
        return probability


def identity_of(promotion: ModelPromoted) -> ServedModel:
    """Return how answers name the promoted model."""
    return ServedModel(
        name=promotion.model,
        model_id=promotion.model_id,
        version=promotion.version,
        epoch=promotion.epoch,
        lineage=promotion.lineage,
    )


class Serving:
    """The one reference to the model in service. A request reads it once and keeps what it read."""

    def __init__(self) -> None:
        self.current: LoadedModel | None = None

    def identity(self) -> ServedModel | None:
        """Return which model answers, None before the first."""
        return None if self.current is None else self.current.identity

    def swap(self, model: LoadedModel) -> None:
        """Let this model answer from the next request on."""
        self.current = model
