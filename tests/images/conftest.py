"""The system whose four services run as containers beside native servers, and the last word of the run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from readmit_cli.stack.dataset import dataset_path
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.programs import INFRASTRUCTURE, PROMETHEUS, SERVICES
from readmit_cli.stack.stack import Stack
from support.containers import GOAL_MB, IMAGES, Container, container
from support.running_stack import wait_for
from support.stack import temporary_stack

ROWS = pytest.StashKey[dict[str, dict[str, str]]]()
ENDED = pytest.StashKey[int]()
STATE = {"READMIT_PREDICTOR_KEYS__FILE": "/state/access-keys.json", "READMIT_PREDICTOR_LOAD__CACHE": "/state/models",
         "READMIT_PREDICTOR_PREDICTION_LOG__SPOOL": "/state/spool"}  # fmt: skip
VOLUMES = {"predictor": ("/state",), "trainer": ("/scratch",)}


@dataclass(frozen=True)
class System:
    """Native servers, and the services in containers."""

    stack: Stack
    folder: Path
    services: dict[str, Container]

    def environment(self, service: str, **other: str) -> dict[str, str]:
        """Give a service's settings inside a container; `other` replaces some, by what stands behind the prefix."""
        prefix = f"READMIT_{SERVICES[service].upper()}_"
        known = self.stack.environment(service)
        inside = {key: value for key, value in known.items() if not key.startswith(("AWS_", "MLFLOW_"))}
        if service == "predictor":
            inside |= STATE
        if service == "trainer":
            inside |= {"READMIT_TRAINER_FIT__SCRATCH": "/scratch"}
        if service == "batch-producer":
            inside |= {"READMIT_BATCH_PRODUCER_DATASET": "/data/dataset.csv"}
        return inside | {prefix + key: value for key, value in other.items()}

    def command_environment(self) -> dict[str, str]:
        """Give what leads the `readmit` command to this system, as to one that is elsewhere."""
        stack = self.stack
        known = {
            "KAFKA__BOOTSTRAP_SERVERS": stack.kafka_bootstrap,
            "PREDICTOR": stack.addresses.service("predictor"),
            "PREDICTOR_KEY": stack.addresses.access_key,
            "MLFLOW": stack.mlflow_uri,
            "PROMETHEUS": stack.addresses.prometheus,
        }
        for group, login in (("READER", "readmit_reader"), ("AUDITOR", "readmit_auditor")):
            known |= {f"{group}__{key.upper()}": str(value) for key, value in asdict(stack.database(login)).items()}
        return {f"READMIT_CLI_{key}": value for key, value in known.items()}

    def volumes(self, service: str) -> tuple[str, ...]:
        """Give what a service may write to, and what it reads."""
        dataset = dataset_path(self.stack.blueprint.checkout).resolve()
        reads = (f"{dataset}:/data/dataset.csv:ro",) if service == "batch-producer" else ()
        return (*VOLUMES.get(service, ()), *reads)


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    if "READMIT_DOCKER" not in os.environ:
        pytest.skip("`make images-test` builds the images and says which Docker client to use")


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give native Kafka, Postgres, S3 and MLflow, and the four services as containers, each alive."""
    folder = tmp_path_factory.mktemp("containers")
    with temporary_stack() as stack, ExitStack() as running:
        stack.up((*INFRASTRUCTURE, PROMETHEUS))
        system = System(stack, folder, {})
        for service in SERVICES:
            name, port = f"readmit-check-{service}", stack.addresses.service_port(service)
            system.services[service] = running.enter_context(
                container(
                    service, name, system.environment(service), folder, volumes=system.volumes(service), port=port
                )
            )
        for service, it in system.services.items():
            wait_for(lambda it=it: it.health("live"), f"{service} lives")
        yield system


@pytest.fixture(scope="session")
def note(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Give a way to fill the table at the end: an image, then columns with their text."""
    rows = request.config.stash.setdefault(ROWS, {})

    def fill(image: str, **columns: str) -> None:
        rows.setdefault(image, {}).update(columns)

    return fill


@pytest.fixture(scope="session")
def accounted(system: System, note: Callable[..., None]) -> dict[str, Any]:
    """Give what `readmit demo` came to, through the containers."""
    begun = time.monotonic()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("readmit")), "demo", "--no-airflow", "--json"],
        env=os.environ | system.command_environment(),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    logs = "\n".join(f"{name}: {it.log()[-5:]}" for name, it in system.services.items())
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
    outcome: dict[str, Any] = json.loads(done.stdout)
    run = outcome["run"]
    text = (
        f"{run['published']:,} of {run['planned_rows']:,} rows accounted for, trained, promoted, predicted "
        f"in {time.monotonic() - begun:.0f} s with the four services in containers"
    )
    note("run", text=text)
    return outcome


@pytest.fixture
def free_port() -> int:
    """Give a port that nothing listens on."""
    return Ports.free().ingestor


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep how it ended."""
    session.config.stash[ENDED] = int(exitstatus)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say what was measured, and the verdict, under all that pytest says."""
    rows = config.stash.get(ROWS, {})
    if not rows:
        return
    columns = ("own", "goal", "ready", "stopped")
    heads = ("own MB", "goal MB", "start to ready", "SIGTERM to exit 0")
    _line("image", heads)
    for image in IMAGES:
        goal = {"goal": str(GOAL_MB.get(image, "-"))}
        _line(f"readmit/{image}", [(goal | rows.get(image, {})).get(column, "-") for column in columns])
    failed = config.stash.get(ENDED, 1)
    run = rows.get("run", {}).get("text", "the accounted run did not come to its end")
    print(f"images-test: {'PASS' if failed == 0 else 'FAIL'}: {run}")  # noqa: T201 - the verdict of a run


def _line(first: str, others: "tuple[str, ...] | list[str]") -> None:
    print(f"{first:24}" + "".join(f"{text:>20}" for text in others))  # noqa: T201 - the table of a run
