"""Tell Prometheus whom to ask, and by which rules to judge."""

import json
from collections.abc import Collection
from pathlib import Path

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import LOOPBACK, Ports
from readmit_cli.stack.programs import AIRFLOW_EXPORTER, MLFLOW
from readmit_cli.stack.rendering import fill
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.state_directory import StateDirectory


def targets_folder(state: StateDirectory) -> Path:
    """Answer the folder of files of targets (`file_sd_configs`), for programs that come and go."""
    return state.prometheus / "targets"


def ask_for(state: StateDirectory, ports: Ports, parts: Collection[str]) -> None:
    """Ask those that a stack may go without where they are among its parts; missed, they would be an alert for ever."""
    folder = targets_folder(state)
    folder.mkdir(exist_ok=True)
    for job, port in {MLFLOW: ports.mlflow, AIRFLOW_EXPORTER: ports.airflow_exporter}.items():
        file = folder / f"{job}.json"
        if job in parts:
            file.write_text(json.dumps([{"targets": [f"{LOOPBACK}:{port}"]}]))
        else:
            file.unlink(missing_ok=True)


def prepare(checkout: Checkout, state: StateDirectory, ports: Ports, s3_server: S3Server) -> None:
    """Write the server's configuration, before it starts; of the object stores MinIO alone has metrics.

    Raises StackError.
    """
    if not checkout.prometheus.is_file():
        raise StackError(f"Prometheus is not at {checkout.prometheus}; `make install` puts it there.")
    (targets_folder(state) / "loadtest.json").unlink(missing_ok=True)  # of a load generator that was killed
    values = {name: str(port) for name, port in ports.model_dump().items()}
    values["observability"] = str(checkout.observability)
    values["targets"] = str(targets_folder(state))
    values["s3"] = f'"{LOOPBACK}:{ports.minio}"' if s3_server is S3Server.MINIO else ""
    configuration = fill(checkout.templates / "prometheus.yml", values)
    (state.prometheus / "prometheus.yml").write_text(configuration)
