"""`readmit train`: train a model on what the store holds, and tell what the gate made of it."""

import asyncio
from typing import Annotated
from uuid import uuid4

import typer
from readmit_contracts.commands import TrainModel
from readmit_contracts.fields import DEFAULT_MODEL
from readmit_runtime.clock import SystemClock

from readmit_cli import sessions, terminal
from readmit_cli.asking.effects import settled, taken_up
from readmit_cli.asking.requests import Request
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.model_rows import JobStatus
from readmit_cli.models import options, training, training_report
from readmit_cli.models.training import Trained
from readmit_cli.waiting_view import WaitingView


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    *,
    model: options.Name = DEFAULT_MODEL,
    force: Annotated[bool, typer.Option("--force", help="Train as a new job, even when the same one is done.")] = False,
    no_promote: Annotated[bool, typer.Option("--no-promote", help="Keep the model from the gate.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the model and the gate.")] = True,
    as_json: options.AsJson = False,
) -> None:
    """Train on every clean batch of the store; the same data, recipe and versions are the same job, done once.

    Ends with 0 when the job is done, also when the gate then refused the model; with 1 when the command was refused
    or the job came to no model; with 130 on Ctrl-C, which leaves the job going.
    """
    options.check_name(model)
    message = TrainModel(model=model, then="train" if no_promote else "train_and_promote", force=force)
    request = Request(uuid4(), message)
    connections = Connections.find()
    if not wait:
        terminal.run(sessions.publish(request, connections.kafka()))
        _say_published(request, as_json=as_json)
        return
    published = asyncio.Event()
    try:
        trained = terminal.run(_follow(request, connections, published, quiet=as_json))
    except KeyboardInterrupt:
        if not published.is_set():
            raise
        raise CommandFailed(
            "The training goes on: `readmit models list` shows it and what comes of it.", code=ExitCode.INTERRUPTED
        ) from None
    mlflow = connections.mlflow()
    if as_json:
        terminal.print_json(training_report.as_dict(trained, mlflow))
    else:
        training_report.show(trained, mlflow, terminal.out())


async def _follow(request: Request, connections: Connections, published: asyncio.Event, *, quiet: bool) -> Trained:
    clock = SystemClock()
    with WaitingView(terminal.progress_console(quiet=quiet)) as view:

        def on_job(job: JobStatus) -> None:
            view.say(f"job {job.job_id}  {training.stage(job)}")

        view.say("asking the trainer")
        async with sessions.views(connections.reader()) as (status, models):
            await sessions.publish(request, connections.kafka())
            published.set()
            asked = await taken_up(request.effect, status, clock)
            job = await training.job_ended(asked, models, clock, on_job)
            view.say(f"job {job.job_id}  at the gate")
            return await training.trained(await settled(request.effect, status, clock), job, models)


def _say_published(request: Request, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json({"command_id": request.command_id})
    else:
        terminal.out().print(
            f"Command {request.command_id} is published; `readmit models list` shows what comes of it.",
            soft_wrap=True,
        )
