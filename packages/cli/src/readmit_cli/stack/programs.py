"""Which programs make the stack."""

import importlib.util
from collections.abc import Mapping
from types import MappingProxyType

KAFKA = "kafka"
POSTGRES = "postgres"
S3 = "s3"
MLFLOW = "mlflow"
BATCH_PRODUCER = "batch-producer"
INFRASTRUCTURE = (KAFKA, POSTGRES, S3, MLFLOW)

# Airflow's programs; all but the first tell of their health through the first, each under a name of its own.
AIRFLOW_API_SERVER = "airflow-api-server"
AIRFLOW_COMPONENTS: Mapping[str, str] = MappingProxyType({
    "airflow-scheduler": "scheduler",
    "airflow-dag-processor": "dag_processor",
    "airflow-triggerer": "triggerer",
})  # fmt: skip
AIRFLOW = (AIRFLOW_API_SERVER, *AIRFLOW_COMPONENTS)
# It hears what they send and tells Prometheus; where there is no Airflow, there is none of it.
AIRFLOW_EXPORTER = "airflow-exporter"

# The program's name, as people type it, and the module that `python -m` starts; also the order of the tables.
SERVICES: Mapping[str, str] = MappingProxyType({
    BATCH_PRODUCER: "batch_producer",
    "ingestor": "ingestor",
    "trainer": "trainer",
    "predictor": "predictor",
})  # fmt: skip


# They look on and belong to no service: nothing waits for them.
LAG_EXPORTER = "lag-exporter"
NODE_EXPORTER = "node-exporter"
POSTGRES_EXPORTER = "postgres-exporter"
PROMETHEUS = "prometheus"
OBSERVERS = (LAG_EXPORTER, NODE_EXPORTER, POSTGRES_EXPORTER, PROMETHEUS)


def installed_services() -> tuple[str, ...]:
    """Answer the services that have an entry point; one without is left out of the stack."""
    return tuple(name for name, module in SERVICES.items() if _has_entry_point(module))


def _has_entry_point(module: str) -> bool:
    return importlib.util.find_spec(module) is not None and importlib.util.find_spec(f"{module}.__main__") is not None
