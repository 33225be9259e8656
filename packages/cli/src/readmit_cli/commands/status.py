"""`readmit status`: the whole system on one screen."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from readmit_cli import sessions, terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.overview import overview, rendering
from readmit_cli.overview.overview import Overview, StoreOverview
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.prerequisites import Check
from readmit_cli.stack.running_parts import check_running_parts
from readmit_cli.stack.stack import Stack


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print the status as JSON, and nothing else.")] = False
) -> None:
    """Show what runs, what is in the store, and the runs; ends with 4 when a part is down."""
    found = _look(Connections.find())
    if as_json:
        terminal.print_json(overview.as_dict(found))
    else:
        console = terminal.out()
        for section in rendering.screen(found, datetime.now(UTC)):
            console.print(section, soft_wrap=isinstance(section, str))
    if found.store is None or any(check.verdict == "failed" for check in found.parts):
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _look(connections: Connections) -> Overview:
    parts = _parts() if connections.local else ()
    try:
        return Overview(parts=parts, store=terminal.run(_store(connections)))
    except CommandFailed as failure:
        return Overview(parts=parts, store=None, unreachable=str(failure))


async def _store(connections: Connections) -> StoreOverview:
    async with sessions.views(connections.reader()) as (store, models):
        return await overview.gather(store, models)


def _parts() -> tuple[Check, ...]:
    try:
        return tuple(check_running_parts(Stack.find()))
    except StackError as error:
        return (Check("stack", "failed", str(error)),)
