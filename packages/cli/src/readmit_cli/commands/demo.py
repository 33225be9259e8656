"""`readmit demo`: the main job on the real dataset, through the running stack, step by step."""

from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
import typer
from readmit_contracts.predictions import Prediction, example_encounter
from readmit_contracts.source import DatasetInvalid, SourceFile
from readmit_runtime.clock import SystemClock
from rich.console import Console
from rich.table import Table

from readmit_cli import sessions, terminal
from readmit_cli.asking.requests import Request
from readmit_cli.commands.step_view import StepView
from readmit_cli.connection_settings import Connections
from readmit_cli.demonstration import rendering
from readmit_cli.demonstration.addresses import addresses
from readmit_cli.demonstration.demonstration import Demonstration, Outcome, World
from readmit_cli.demonstration.pipeline import run_pipeline
from readmit_cli.demonstration.steps import Steps
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.models import mlflow_links, options
from readmit_cli.prediction import client
from readmit_cli.stack.programs import SERVICES
from readmit_cli.stack.running_parts import check_running_parts
from readmit_cli.stack.stack import Stack
from readmit_cli.verification.findings import Report
from readmit_cli.verification.source_location import find_source, is_real
from readmit_cli.verification.store import AuditStore
from readmit_cli.verification.verify import OnProgress, find_run, verify_run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    *,
    no_airflow: Annotated[
        bool, typer.Option("--no-airflow", help="Give the commands from here, also when Airflow is up.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Ingest the whole dataset, verify every row, train, promote, predict, and say where to look.

    Where Airflow is up, its readmission_pipeline does the work.

    A second time nothing is ingested or trained twice, and that is said. Ends with 0 when all of it is so, 1 when a
    step failed, 4 when a part of the stack is down, 130 on Ctrl-C, which leaves the work going.
    """
    connections = Connections.find()
    console = Console(quiet=as_json)
    with StepView(console) as view:
        steps = Steps(view)
        if connections.local:
            with steps.step("stack"):
                _require_running(Stack.find())
        with steps.step("dataset") as step:
            source = _source()
            step.conclude("the real one" if is_real(source) else "SYNTHETIC: every figure below is worthless")
        try:
            outcome = terminal.run(_run(connections, steps, source, with_airflow=not no_airflow))
        except KeyboardInterrupt:
            raise CommandFailed(
                "What was asked for goes on: `readmit status` shows it, `readmit demo` takes it up from there.",
                code=ExitCode.INTERRUPTED,
            ) from None
    _show(outcome, connections, as_json=as_json)


def _require_running(stack: Stack) -> None:
    checks = list(check_running_parts(stack))
    troubles = [f"{check.name}: {check.detail}" for check in checks if check.verdict != "ok"]
    troubles += [f"{name} was not started" for name in SERVICES if name not in stack.wanted()]
    if troubles:
        raise CommandFailed(f"{'; '.join(troubles)}. `make up` starts what is down.", code=ExitCode.UNAVAILABLE)


def _source() -> SourceFile:
    console = terminal.progress_console(quiet=False)  # said with --json as well
    try:
        source = find_source(None, lambda text: console.print(text, style="bold red", soft_wrap=True))
    except DatasetInvalid as error:
        raise CommandFailed(error.detail) from error
    if not is_real(source):
        console.print(rendering.synthetic_warning())
    return source


async def _run(connections: Connections, steps: Steps, source: SourceFile, *, with_airflow: bool) -> Outcome:
    clock, airflow = SystemClock(), connections.airflow() if with_airflow else None

    async def publish(request: Request) -> None:
        await sessions.publish(request, connections.kafka())

    async def verify(run_id: UUID, on_progress: OnProgress) -> Report:
        async with sessions.database(connections.auditor()) as connection, AuditStore.snapshot(connection) as store:
            return await verify_run(store, await find_run(store, run_id), source, on_progress)

    async def predict() -> Prediction:
        body = msgspec.json.encode(example_encounter())
        return await client.predict(connections.predictor(), body, key=connections.access_key())

    async with sessions.views(connections.reader()) as (store, models):
        world = World(
            store=store,
            models=models,
            publish=publish,
            verify=verify,
            predict=predict,
            run_pipeline=None if airflow is None else partial(run_pipeline, airflow, clock),
        )
        return await Demonstration(world, steps, clock).run(source)


def _show(outcome: Outcome, connections: Connections, *, as_json: bool) -> None:
    page = mlflow_links.version_url(connections.mlflow(), outcome.trained.model)
    places = addresses(Stack.find(), page) if connections.local else ()
    if as_json:
        terminal.print_json(rendering.as_dict(outcome, places, page))
        return
    console = terminal.out()
    console.print()
    for section in rendering.screen(outcome, places):
        console.print(section, soft_wrap=not isinstance(section, Table))
