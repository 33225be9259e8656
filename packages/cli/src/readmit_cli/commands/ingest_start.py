"""`readmit ingest start`: ask for a run, and wait for its end."""

import asyncio
from typing import Annotated, cast
from uuid import UUID, uuid4

import msgspec
import typer
from readmit_contracts import ids
from readmit_contracts.commands import StartIngestion
from readmit_contracts.fields import Wish
from readmit_runtime.clock import SystemClock

from readmit_cli import sessions, terminal
from readmit_cli.asking.effects import taken_up
from readmit_cli.asking.requests import Request
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.ingestion import rendering, selection
from readmit_cli.ingestion.following import require_completed, run_ended
from readmit_cli.ingestion.progress_view import RunProgress
from readmit_cli.status_rows import RunStatus

WISHES = ("nothing", "train", "train_and_promote")
Selection = Annotated[str | None, typer.Option(metavar="BATCHES", help=f"{selection.FORMS}.", show_default=False)]


def start(
    *,
    train: Selection = None,
    validation: Selection = None,
    test: Selection = None,
    then: Annotated[
        str, typer.Option("--then", metavar="WISH", help=f"What follows the completed run: {', '.join(WISHES)}.")
    ] = "train_and_promote",
    dataset_sha256: Annotated[
        str | None, typer.Option(help="Refuse unless the batch producer's file has this digest.", show_default=False)
    ] = None,
    command_id: Annotated[
        UUID | None, typer.Option(help="The command's own id; given twice, it acts once.", show_default=False)
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the run's end.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON, and nothing else.")] = False,
) -> None:
    """Bring batches into the store; without a selection, all of them.

    Ends with 0 when the run is completed, 1 when the command was refused or the run failed, 130 on Ctrl-C, which
    leaves the run going.
    """
    request = Request(command_id or uuid4(), _command(train, validation, test, then=then, sha256=dataset_sha256))
    run_id = ids.run_id(request.command_id)
    connections = Connections.find()
    if not wait:
        terminal.run(sessions.publish(request, connections.kafka()))
        _say_published(request, run_id, as_json=as_json)
        return
    published = asyncio.Event()
    try:
        run = terminal.run(_follow(request, connections, published, quiet=as_json))
    except KeyboardInterrupt:
        if not published.is_set():
            raise
        raise CommandFailed(
            f"The run goes on: `readmit ingest status {run_id}` shows it, `readmit ingest cancel {run_id}` ends it.",
            code=ExitCode.INTERRUPTED,
        ) from None
    _report(run, as_json=as_json)


def _command(
    train: str | None, validation: str | None, test: str | None, *, then: str, sha256: str | None
) -> StartIngestion:
    if then not in WISHES:
        raise CommandFailed(f"--then takes one of {', '.join(WISHES)}.", code=ExitCode.USAGE)
    if sha256 is not None and not (len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")):
        raise CommandFailed("--dataset-sha256 takes 64 hex digits in lower case.", code=ExitCode.USAGE)
    try:
        batches = selection.requested({"train": train, "validation": validation, "test": test})
    except selection.SelectionInvalid as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from None
    return StartIngestion(batches=batches, then=cast(Wish, then), dataset_sha256=sha256)


async def _follow(request: Request, connections: Connections, published: asyncio.Event, *, quiet: bool) -> RunStatus:
    reader = connections.reader()
    with RunProgress(terminal.progress_console(quiet=quiet)) as progress:
        progress.waiting("asking the batch producer")
        async with sessions.status(reader) as status:
            await sessions.publish(request, connections.kafka())
            published.set()
            clock = SystemClock()
            await taken_up(request.effect, status, clock)
            run = await run_ended(request, status, clock, progress.update)
    _refuse_other_content(run, cast(StartIngestion, request.message))
    return run


def _refuse_other_content(run: RunStatus, asked: StartIngestion) -> None:
    batches = msgspec.json.decode(msgspec.json.encode(asked.batches))
    if (run.requested, run.then) != (batches, asked.then):
        raise CommandFailed(
            f"The command id {run.command_id} was used before with other content: it made run {run.run_id}, which is "
            f"{run.state}. Nothing new was begun; ask again without --command-id."
        )


def _say_published(request: Request, run_id: UUID, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json({"command_id": request.command_id, "run_id": run_id})
    else:
        terminal.out().print(
            f"Command {request.command_id} is published; its run is {run_id}.\nreadmit ingest status {run_id}",
            soft_wrap=True,
        )


def _report(run: RunStatus, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(run)
    else:
        console = terminal.out()
        console.print(f"Run {run.run_id} is ", rendering.state(run.state), ".", sep="", soft_wrap=True)
        console.print(rendering.sum_line(run), soft_wrap=True)
    require_completed(run)
