"""Prepare the one Kafka node: its configuration and its formatted data folder."""

import base64
import subprocess
import uuid

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.rendering import fill
from readmit_cli.stack.state_directory import StateDirectory


def prepare(checkout: Checkout, state: StateDirectory, ports: Ports) -> None:
    """Write the node's configuration; format its data folder if that was not done. Raises StackError."""
    if not any(checkout.kafka_jars.glob("kafka_2.13-*.jar")):
        raise StackError(f"Kafka is not in {checkout.kafka_jars}; `make install` puts it there.")
    data = state.kafka / "data"
    configuration = state.kafka / "server.properties"
    values = {"port": str(ports.kafka), "controller_port": str(ports.kafka_controller), "data": str(data)}
    configuration.write_text(fill(checkout.templates / "kafka" / "server.properties", values))
    if (data / "meta.properties").exists():
        return
    arguments = ["format", "--cluster-id", _cluster_id(), "--config", str(configuration), "--ignore-formatted"]
    # A short-lived JVM: compiling its code well would take longer than running it.
    command = [str(checkout.java()), "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", f"{checkout.kafka_jars}/*"]
    formatted = subprocess.run(
        [*command, "kafka.tools.StorageTool", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if formatted.returncode != 0:
        raise StackError(f"Kafka's data folder {data} cannot be formatted: {formatted.stderr[-1500:]}")


def _cluster_id() -> str:
    # 22 characters as Kafka writes them; one that begins with a dash would be read as an option.
    while (cluster_id := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return cluster_id
