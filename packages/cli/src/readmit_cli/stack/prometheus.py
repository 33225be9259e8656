"""Tell Prometheus whom to ask, and by which rules to judge."""

from pathlib import Path

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.rendering import fill
from readmit_cli.stack.state_directory import StateDirectory


def targets_folder(state: StateDirectory) -> Path:
    """Answer the folder of files of targets (`file_sd_configs`), for programs that come and go."""
    return state.prometheus / "targets"


def prepare(checkout: Checkout, state: StateDirectory, ports: Ports) -> None:
    """Write the server's configuration. Raises StackError."""
    if not checkout.prometheus.is_file():
        raise StackError(f"Prometheus is not at {checkout.prometheus}; `make install` puts it there.")
    targets = targets_folder(state)
    targets.mkdir(exist_ok=True)
    values = {name: str(port) for name, port in ports.model_dump().items()}
    folders = {"observability": str(checkout.observability), "targets": str(targets)}
    configuration = fill(checkout.templates / "prometheus.yml", values | folders)
    (state.prometheus / "prometheus.yml").write_text(configuration)
