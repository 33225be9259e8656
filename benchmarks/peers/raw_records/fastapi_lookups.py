"""FastAPI with pydantic and without pandas: the project's own lookups fill the row. BUNDLE names the model's folder."""

import os
from pathlib import Path

import lightgbm
from encounter import Encounter
from fastapi import FastAPI
from readmit_features import RecordEncoder, read_features

bundle = Path(os.environ["BUNDLE"])
booster = lightgbm.Booster(model_file=bundle / "model.txt")
encoder = RecordEncoder(read_features((bundle / "features.json").read_bytes()))
app = FastAPI()


@app.post("/predict")
async def predict(encounter: Encounter) -> dict[str, float]:
    """Answer one encounter, on the event loop: the encoder has one row, and a thread would cost more than it saves."""
    row = encoder.encode(encounter.model_dump(by_alias=True))
    return {"score": booster.predict(row.reshape(1, -1), num_threads=1)[0]}
