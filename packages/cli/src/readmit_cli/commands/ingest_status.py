"""`readmit ingest status`: the runs, or one of them with its batches."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from readmit_cli import sessions, terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.ingestion import rendering, run_names
from readmit_cli.status_rows import BatchStatus, CommandStatus, RunStatus

BATCH_PRODUCER = "batch_producer"
"""Who takes the commands to the store, by the name that it signs them with."""


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A run, its command and its batches."""

    run: RunStatus
    command: CommandStatus | None
    batches: list[BatchStatus]


def status(
    *,
    run: Annotated[str | None, typer.Argument(help=f"{run_names.HELP} Without it, the runs are listed.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Ended runs to list, newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")] = False,
) -> None:
    """Show the runs, or one run with its batches."""
    connections = Connections.find()
    if run is None:
        _show_runs(terminal.run(_runs(connections, limit)), as_json=as_json)
    else:
        _show_run(terminal.run(_detail(connections, run)), as_json=as_json)


async def _runs(connections: Connections, limit: int) -> list[RunStatus]:
    async with sessions.status(connections.reader()) as store:
        return list(await store.runs(limit))


async def _detail(connections: Connections, name: str) -> RunDetail:
    async with sessions.status(connections.reader()) as store:
        run = await store.run(await run_names.find(name, store))
        if run is None:
            raise LookupError("runs are never removed")
        return RunDetail(
            run=run,
            command=await store.command(run.command_id, consumer=BATCH_PRODUCER),
            batches=list(await store.run_batches(run.run_id)),
        )


def _show_runs(runs: list[RunStatus], *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(runs)
    elif runs:
        terminal.out().print(rendering.runs_table(runs, datetime.now(UTC)))
    else:
        terminal.out().print("There is no run yet; `readmit ingest start` begins one.")


def _show_run(detail: RunDetail, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(detail)
        return
    console = terminal.out()
    for line in rendering.run_lines(detail.run, detail.command, datetime.now(UTC)):
        console.print(line, soft_wrap=True)
    console.print()
    if detail.batches:
        console.print(rendering.batches_table(detail.batches))
