"""Hold the model that answers."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import msgspec
from readmit_contracts.calibration import Calibration
from readmit_contracts.events import ModelPromoted
from readmit_contracts.golden import Record
from readmit_contracts.predictions import Encounter, ServedModel
from readmit_features import RecordEncoder

from predictor.scorer import Scorer


class NoModel(Exception):
    """No model was loaded yet."""


class ScoreInvalid(Exception):
    """The model's answer is no probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready to answer, and everything that belongs to it: never changed, only replaced as a whole.

    Encoder and scorer share one row, so one thread at a time scores.
    """

    identity: ServedModel
    feature_version: int
    calibration: Calibration
    encoder: RecordEncoder
    scorer: Scorer
    since: datetime

    def promoted(self, promotion: ModelPromoted, *, now: datetime) -> Self:
        """Return the same model under another promotion of it."""
        return replace(self, identity=identity_of(promotion), since=now)

    def score(self, encounter: Encounter) -> float:
        """Return the calibrated probability of readmission within 30 days."""
        return self.probability(msgspec.structs.asdict(encounter))

    def probability(self, record: Record) -> float:
        """Return the same for an encounter's fields by name.

        Raises ScoreInvalid, and what `RecordEncoder.encode` raises.
        """
        self.encoder.encode(record)
        probability = self.calibration.probability(self.scorer.score())
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

    async def check_loaded(self) -> None:
        """Return once there is a model to answer with, as readiness asks; raises NoModel."""
        if self.current is None:
            raise NoModel("No model is loaded yet; promote one, or see why its load failed.")
