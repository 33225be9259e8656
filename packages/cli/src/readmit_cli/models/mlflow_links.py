"""Say where MLflow shows a model."""

from readmit_cli.model_rows import ModelStatus


def version_url(mlflow: str | None, model: ModelStatus) -> str | None:
    """Return the page of the model's version, None where MLflow is not known or has no version of it yet."""
    if mlflow is None or model.version is None:
        return None
    return f"{mlflow.rstrip('/')}/#/models/{model.model}/versions/{model.version}"
