"""Whom Prometheus is told to ask."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from readmit_cli.stack import prometheus
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import LOOPBACK, Ports
from readmit_cli.stack.programs import (
    AIRFLOW_EXPORTER,
    INFRASTRUCTURE,
    MLFLOW,
    OBSERVERS,
    POSTGRES,
    PROMETHEUS,
    SERVICES,
)
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.state_directory import StateDirectory


@pytest.fixture
def installed(tmp_path) -> Checkout:
    """Give a checkout in which Prometheus is installed."""
    (tmp_path / "local").symlink_to(Checkout.find().templates)
    (tmp_path / ".local" / "bin").mkdir(parents=True)
    (tmp_path / ".local" / "bin" / "prometheus").touch()
    return Checkout(tmp_path)


def targets(checkout: Checkout, state: Path, server: S3Server) -> dict[str, list[str]]:
    """Give whom each job asks that is always there."""
    directory = StateDirectory(state)
    directory.create()
    prometheus.prepare(checkout, directory, Ports(), server)
    jobs = _jobs(directory)
    return {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs if "static_configs" in job}


def _jobs(directory: StateDirectory) -> list[dict[str, Any]]:
    return yaml.safe_load((directory.prometheus / "prometheus.yml").read_text())["scrape_configs"]


def test_every_program_that_has_metrics_is_asked_under_its_own_name(installed, tmp_path):
    """An alert's label `job` is what people type after `readmit logs`."""
    asked = targets(installed, tmp_path / "state", S3Server.MINIO)
    # Postgres tells through its exporter, Prometheus is not asked of itself, and MLflow may be left out.
    assert set(asked) == {*INFRASTRUCTURE, *SERVICES, *OBSERVERS} - {POSTGRES, MLFLOW, PROMETHEUS}
    addresses = [address for found in asked.values() for address in found]
    assert len(addresses) == len(set(addresses)) == len(asked)
    assert all(address.startswith(f"{LOOPBACK}:") for address in addresses)


def test_an_object_store_without_metrics_is_not_asked(installed, tmp_path):
    """A target that can never answer would be an alert for ever."""
    asked = targets(installed, tmp_path / "state", S3Server.VERSITY)
    assert asked.pop("s3") == []
    assert all(asked.values())


def test_who_comes_and_goes_is_looked_for_in_a_file_of_its_own(installed, tmp_path):
    """A load test is asked while it goes on, and missed by nobody afterwards."""
    targets(installed, tmp_path / "state", S3Server.MINIO)
    directory = StateDirectory(tmp_path / "state")
    looking = [job for job in _jobs(directory) if "file_sd_configs" in job]
    found = {job["job_name"]: job["file_sd_configs"][0]["files"] for job in looking}
    folder = prometheus.targets_folder(directory)
    assert found == {name: [f"{folder}/{name}.json"] for name in (MLFLOW, AIRFLOW_EXPORTER, "loadtest")}


def test_what_a_stack_goes_without_is_not_asked(tmp_path):
    """It would be an alert for ever; and a load test that goes on must not be forgotten by an `up`."""
    directory = StateDirectory(tmp_path / "state")
    directory.create()
    folder = prometheus.targets_folder(directory)
    prometheus.ask_for(directory, Ports(), INFRASTRUCTURE)
    assert json.loads((folder / f"{MLFLOW}.json").read_text()) == [{"targets": [f"{LOOPBACK}:{Ports().mlflow}"]}]
    (folder / "loadtest.json").touch()
    prometheus.ask_for(directory, Ports(), SERVICES)
    assert [path.name for path in folder.iterdir()] == ["loadtest.json"]


def test_what_a_killed_load_generator_left_is_gone_after_the_next_start(installed, tmp_path):
    """It would be a target for ever that answers no scrape."""
    targets(installed, tmp_path / "state", S3Server.MINIO)
    folder = prometheus.targets_folder(StateDirectory(tmp_path / "state"))
    folder.mkdir(exist_ok=True)
    (folder / "loadtest.json").write_text("[]")
    targets(installed, tmp_path / "state", S3Server.MINIO)
    assert not (folder / "loadtest.json").exists()


def test_a_prometheus_that_is_not_there_is_told_with_what_puts_it_there(tmp_path):
    """The supervisor would only say that it can't find a command."""
    with pytest.raises(StackError, match="make install"):
        targets(Checkout(tmp_path), tmp_path / "state", S3Server.MINIO)
