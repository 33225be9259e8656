"""Tell Prometheus whom to ask, and by which rules to judge."""

from pathlib import Path

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import LOOPBACK, Ports
from readmit_cli.stack.rendering import fill
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.state_directory import StateDirectory


def targets_folder(state: StateDirectory) -> Path:
    """Answer the folder of files of targets (`file_sd_configs`), for programs that come and go."""
    return state.prometheus / "targets"


def prepare(checkout: Checkout, state: StateDirectory, ports: Ports, s3_server: S3Server) -> None:
    """Write the server's configuration, before it starts; of the object stores MinIO alone has metrics.

    Raises StackError.
    """
    if not checkout.prometheus.is_file():
        raise StackError(f"Prometheus is not at {checkout.prometheus}; `make install` puts it there.")
    targets = targets_folder(state)
    targets.mkdir(exist_ok=True)
    (targets / "loadtest.json").unlink(missing_ok=True)  # of a load generator that was killed
    values = {name: str(port) for name, port in ports.model_dump().items()}
    values["observability"] = str(checkout.observability)
    values["targets"] = str(targets)
    values["s3"] = f'"{LOOPBACK}:{ports.minio}"' if s3_server is S3Server.MINIO else ""
    configuration = fill(checkout.templates / "prometheus.yml", values)
    (state.prometheus / "prometheus.yml").write_text(configuration)
