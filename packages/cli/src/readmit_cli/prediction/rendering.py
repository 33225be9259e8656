"""Write a prediction as people like to read it."""

from collections.abc import Iterable

from readmit_contracts.predictions import Prediction, ServedModel
from rich.text import Text

from readmit_cli.models.model_names import short_id
from readmit_cli.models.rendering import lines

_DECISIONS = {"high_risk": ("high risk", "bold red"), "low_risk": ("low risk", "green")}


def prediction_lines(prediction: Prediction) -> Iterable[Text]:
    """Yield the answer, line by line."""
    yield from lines(
        risk=Text.assemble(f"{prediction.probability:.1%} within 30 days, ", _DECISIONS[prediction.decision]),
        threshold=f"{prediction.threshold:.1%}, from there on the risk is called high",
        model=served(prediction.model),
        prediction=str(prediction.prediction_id),
    )


def summary(prediction: Prediction) -> Text:
    """Return the answer in one line."""
    return Text.assemble(
        f"{prediction.probability:.1%} risk, ",
        _DECISIONS[prediction.decision],
        f" (from {prediction.threshold:.1%} on it is high), by {served(prediction.model)}",
    )


def served(model: ServedModel) -> str:
    """Return which model answered."""
    version = f"version {model.version}" if model.version else "no version in MLflow yet"
    return f"{model.name} {version}, epoch {model.epoch}, {short_id(model.model_id)}"
