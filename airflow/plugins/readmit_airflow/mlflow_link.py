"""Link a training task to its model in MLflow."""

from typing import Any

from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowNotFoundException

MLFLOW = "readmit_mlflow"


class MlflowLink(BaseOperatorLink):
    """A button on the task that opens the model's version."""

    name = "Model in MLflow"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the address that the operator has found; empty when there is none."""
        return str(getattr(operator, "mlflow_url", ""))


def mlflow_url(result: dict[str, Any]) -> str:
    """Return the page of a trained model's version; empty without a version, or without the connection."""
    if result["version"] is None:
        return ""
    try:
        place = BaseHook.get_connection(MLFLOW)
    except AirflowNotFoundException:
        return ""
    scheme = place.conn_type if place.conn_type in ("http", "https") else "http"
    port = f":{place.port}" if place.port else ""
    path = f"/{place.schema}" if place.schema else ""
    return f"{scheme}://{place.host}{port}{path}/#/models/{result['model']}/versions/{result['version']}"
