"""The ports of the local stack: their only place, each to be set by READMIT_PORT_<NAME>."""

import random
import socket
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK = "127.0.0.1"

# Below the ephemeral range of Linux and macOS: an outgoing connection never takes one of these in between.
FREE_PORT_RANGE = range(20_000, 32_000)

Port = Annotated[int, Field(ge=1024, le=65_535)]


class Ports(BaseSettings):
    """A TCP port on 127.0.0.1 for every part of the stack; the defaults keep clear of the parts' usual ones."""

    model_config = SettingsConfigDict(env_prefix="READMIT_PORT_", frozen=True, extra="forbid")

    kafka: Port = Field(19_092, description="Kafka's listener for clients.")
    kafka_controller: Port = Field(19_093, description="Kafka's controller listener.")
    kafka_metrics: Port = Field(19_094, description="The broker's metrics.")
    postgres: Port = Field(15_432, description="Postgres.")
    minio: Port = Field(19_000, description="The object store's S3 interface, MinIO's or another's.")
    minio_console: Port = Field(19_001, description="MinIO's web page.")
    mlflow: Port = Field(15_000, description="MLflow's server and web page.")
    batch_producer: Port = Field(18_081, description="The batch producer's REST interface.")
    ingestor: Port = Field(18_082, description="The ingestor's health and metrics.")
    trainer: Port = Field(18_083, description="The trainer's health and metrics.")
    predictor: Port = Field(18_080, description="The predictor's REST interface.")
    prometheus: Port = Field(19_090, description="Prometheus' web page and queries.")
    lag_exporter: Port = Field(18_084, description="The lag exporter's metrics.")
    node_exporter: Port = Field(19_100, description="The machine's metrics.")
    postgres_exporter: Port = Field(19_187, description="Postgres' metrics.")
    airflow: Port = Field(18_088, description="Airflow's REST interface and web page.")
    airflow_statsd: Port = Field(19_125, description="Where Airflow sends its metrics, by UDP.")
    airflow_exporter: Port = Field(19_102, description="Airflow's metrics.")

    @classmethod
    def free(cls) -> "Ports":
        """Choose ports that nothing listens on now, at random, so that two stacks started at once seldom meet."""
        candidates = random.sample(FREE_PORT_RANGE, 200)
        chosen = [port for port in candidates if is_free(port)]
        return cls.model_validate(dict(zip(cls.model_fields, chosen, strict=False)))


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
