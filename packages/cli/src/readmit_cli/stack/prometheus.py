"""Tell Prometheus whom to ask, and by which rules to judge."""

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.rendering import fill
from readmit_cli.stack.state_directory import StateDirectory


def prepare(checkout: Checkout, state: StateDirectory, ports: Ports) -> None:
    """Write the server's configuration. Raises StackError."""
    if not checkout.prometheus.is_file():
        raise StackError(f"Prometheus is not at {checkout.prometheus}; `make install` puts it there.")
    values = {name: str(port) for name, port in ports.model_dump().items()}
    configuration = fill(checkout.templates / "prometheus.yml", values | {"observability": str(checkout.observability)})
    (state.prometheus / "prometheus.yml").write_text(configuration)
