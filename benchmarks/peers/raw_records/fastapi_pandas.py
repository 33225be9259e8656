"""FastAPI with pydantic and pandas: each request is a frame of one row. BUNDLE names the model's folder."""

import os
from pathlib import Path

import lightgbm
import pandas as pd
from encounter import Encounter
from fastapi import FastAPI
from pandas_features import PandasFeatures

bundle = Path(os.environ["BUNDLE"])
booster = lightgbm.Booster(model_file=bundle / "model.txt")
features = PandasFeatures((bundle / "features.json").read_bytes())
app = FastAPI()


@app.post("/predict")
def predict(encounter: Encounter) -> dict[str, float]:
    """Answer one encounter."""
    frame = pd.DataFrame([encounter.model_dump(by_alias=True)])
    return {"score": booster.predict(features.encode(frame), num_threads=1)[0]}
