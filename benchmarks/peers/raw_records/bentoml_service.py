"""BentoML with pydantic and the project's own lookups. BUNDLE names the model's folder."""

import os
from pathlib import Path

import bentoml
import lightgbm
from encounter import Encounter
from readmit_features import RecordEncoder, read_features


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Readmission:
    """One worker with the model."""

    def __init__(self) -> None:
        bundle = Path(os.environ["BUNDLE"])
        self._booster = lightgbm.Booster(model_file=bundle / "model.txt")
        self._encoder = RecordEncoder(read_features((bundle / "features.json").read_bytes()))

    @bentoml.api
    def predict(self, encounter: Encounter) -> dict[str, float]:
        """Answer one encounter; a service has one thread for this unless told otherwise."""
        row = self._encoder.encode(encounter.model_dump(by_alias=True))
        return {"score": self._booster.predict(row.reshape(1, -1), num_threads=1)[0]}
