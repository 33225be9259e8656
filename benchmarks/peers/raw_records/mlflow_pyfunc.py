"""An MLflow pyfunc model, as code, that takes raw encounters and works on them with pandas."""

from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext
from pandas_features import PandasFeatures


class Readmission(PythonModel):
    """Scores frames of raw encounters."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model's files."""
        self._booster = lightgbm.Booster(model_file=context.artifacts["model"])
        self._features = PandasFeatures(Path(context.artifacts["features"]).read_bytes())

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame) -> np.ndarray:
        """Return a score for each row."""
        return self._booster.predict(self._features.encode(model_input), num_threads=1)


set_model(Readmission())
