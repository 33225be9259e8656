"""`readmit up`: start the local stack, or repair it."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from readmit_cli.commands.step_view import StepView
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.locate import state_path, why_outside
from readmit_cli.stack.parts import default_parts
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.programs import (
    AIRFLOW_API_SERVER,
    AIRFLOW_EXPORTER,
    LAG_EXPORTER,
    NODE_EXPORTER,
    POSTGRES_EXPORTER,
    PROMETHEUS,
)
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.stack import Stack, recorded_ports
from readmit_cli.stack.state_directory import StateDirectory, postgres_user
from readmit_cli.stack.supervision import Supervisor


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(
    *,
    without_mlflow: Annotated[bool, typer.Option("--without-mlflow", help="Leave MLflow out.")] = False,
    no_airflow: Annotated[bool, typer.Option("--no-airflow", help="Leave Airflow out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
) -> None:
    """Start Kafka, Postgres, S3, MLflow, services, Prometheus and, if installed, Airflow; what runs is left alone."""
    console = Console(quiet=as_json)
    checkout = Checkout.find()
    user = postgres_user()
    state = state_path(checkout, user)
    outside = why_outside(checkout, user)
    if outside is not None:
        console.print(outside, highlight=False, soft_wrap=True)
    with StepView(console) as view:
        stack = Stack(state, _ports(StateDirectory(state)), checkout=checkout, progress=view)
        with_airflow = not no_airflow and checkout.airflow.is_file()
        started = stack.up(default_parts(with_mlflow=not without_mlflow, with_airflow=with_airflow))
    if as_json:
        typer.echo(json.dumps(_summary(stack, started), indent=1))
        return
    console.print("Started." if started else "Already up; nothing had to be started.")
    console.print(_addresses(stack))
    console.print(
        f"Logins for your shell: set -a; . {stack.connection_file()}; set +a", highlight=False, soft_wrap=True
    )


def _ports(state: StateDirectory) -> Ports:
    # A running stack stays on the ports it has; otherwise the settings of now count.
    running = Supervisor(state).pid() is not None
    return (recorded_ports(state) if running else None) or Ports()


def _summary(stack: Stack, started: frozenset[str]) -> dict[str, object]:
    states = stack.supervisor.states()
    parts = {
        name: {"address": stack.parts[name].address, "state": states[name].state, "pid": states[name].pid}
        for name in stack.wanted()
    }
    return {
        "started": [name for name in stack.wanted() if name in started],
        "parts": parts,
        "state_directory": str(stack.state.root),
        "connection_file": str(stack.connection_file()),
    }


def _addresses(stack: Stack) -> Table:
    table = Table("part", "address", "look", box=None, pad_edge=False, header_style="bold")
    looks = {
        "kafka": f"kcat -b {stack.kafka_bootstrap} -L",
        "postgres": "psql, see below",
        "mlflow": stack.mlflow_uri,
        "batch-producer": f"{stack.addresses.service('batch-producer')}/docs",
        "predictor": f"{stack.addresses.service('predictor')}/docs",
        LAG_EXPORTER: f"{stack.addresses.lag_exporter}/metrics",
        NODE_EXPORTER: f"{stack.addresses.node_exporter}/metrics",
        POSTGRES_EXPORTER: f"{stack.addresses.postgres_exporter}/metrics",
        AIRFLOW_EXPORTER: f"{stack.addresses.airflow_exporter}/metrics",
        PROMETHEUS: stack.addresses.prometheus,
        AIRFLOW_API_SERVER: f"{stack.addresses.airflow}, login {stack.airflow().user}, password see below",
    }
    if stack.blueprint.s3_server is S3Server.MINIO:
        looks["s3"] = stack.addresses.minio_console
    for name in stack.wanted():
        table.add_row(name, stack.parts[name].address, looks.get(name, f"readmit logs {name}"))
    return table
