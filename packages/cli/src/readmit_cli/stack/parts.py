"""The running parts of a stack: their ports, and how each shows that it works."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from readmit_cli.stack import buckets, readiness
from readmit_cli.stack.environment import Addresses
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.programs import (
    AIRFLOW,
    AIRFLOW_API_SERVER,
    AIRFLOW_COMPONENTS,
    AIRFLOW_EXPORTER,
    KAFKA,
    LAG_EXPORTER,
    MLFLOW,
    NODE_EXPORTER,
    OBSERVERS,
    POSTGRES,
    POSTGRES_EXPORTER,
    PROMETHEUS,
    S3,
    SERVICES,
    installed_services,
)
from readmit_cli.stack.readiness import Probe


@dataclass(frozen=True)
class Part:
    """One program as the stack waits for it."""

    name: str
    port_names: tuple[str, ...]
    address: str
    probe: Probe
    ready_within_s: float


def all_parts(addresses: Addresses, ports: Ports) -> dict[str, Part]:
    """Answer every part by name, in the order of starting."""
    superuser = addresses.superuser()
    infrastructure = (
        Part(
            KAFKA,
            ("kafka", "kafka_controller", "kafka_metrics"),
            addresses.kafka,
            lambda: readiness.kafka(ports.kafka),
            60.0,
        ),
        Part(
            POSTGRES,
            ("postgres",),
            f"{superuser.host}:{superuser.port}",
            lambda: readiness.postgres(superuser),
            60.0,
        ),
        Part(
            S3,
            ("minio", "minio_console"),
            f"http://{addresses.object_store}",
            lambda: buckets.why_not_ready(addresses),
            60.0,
        ),
        # The first start makes the schema of its database, on a slow machine in more than a minute.
        Part(MLFLOW, ("mlflow",), addresses.mlflow, lambda: readiness.http(f"{addresses.mlflow}/health"), 240.0),
    )
    services = (_service(name, addresses.service(name)) for name in SERVICES)
    parts = (*infrastructure, *services, *_observers(addresses), *_airflow(addresses.airflow))
    return {part.name: part for part in parts}


def default_parts(*, with_mlflow: bool = True, with_airflow: bool = False) -> tuple[str, ...]:
    """Answer what is started unless parts are named: infrastructure, services, who looks on."""
    infrastructure = (KAFKA, POSTGRES, S3, MLFLOW) if with_mlflow else (KAFKA, POSTGRES, S3)
    return (*infrastructure, *installed_services(), *OBSERVERS, *(AIRFLOW if with_airflow else ()))


def with_requirements(names: Iterable[str]) -> Collection[str]:
    """Add what the named parts cannot work without."""
    wanted = set(names)
    if MLFLOW in wanted:
        wanted |= {POSTGRES, S3}
    if wanted.intersection(AIRFLOW):
        wanted |= {*AIRFLOW, AIRFLOW_EXPORTER, POSTGRES, KAFKA}
    return wanted


def _observers(addresses: Addresses) -> Iterator[Part]:
    answering = (
        (LAG_EXPORTER, "lag_exporter", addresses.lag_exporter, "/health/ready"),
        (NODE_EXPORTER, "node_exporter", addresses.node_exporter, "/metrics"),
        (POSTGRES_EXPORTER, "postgres_exporter", addresses.postgres_exporter, "/metrics"),
        (AIRFLOW_EXPORTER, "airflow_exporter", addresses.airflow_exporter, "/metrics"),
        (PROMETHEUS, "prometheus", addresses.prometheus, "/-/ready"),
    )
    for name, port, address, path in answering:
        yield Part(name, (port,), address, partial(readiness.http, f"{address}{path}"), 60.0)


def _airflow(address: str) -> Iterator[Part]:
    # The first answer at this address takes seconds, and would else be waited for by the first task.
    yield Part(AIRFLOW_API_SERVER, ("airflow",), address, lambda: readiness.http(f"{address}/execution/health"), 240.0)
    for name, component in AIRFLOW_COMPONENTS.items():
        yield Part(name, (), address, partial(readiness.airflow, address, component), 240.0)


def _service(name: str, address: str) -> Part:
    # Alive is what starting can bring about; ready may need more, such as a first model for the predictor.
    return Part(name, (SERVICES[name],), address, lambda: readiness.http(f"{address}/health/live"), 60.0)
