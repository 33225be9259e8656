"""`readmit status`: the whole system on one screen, once or live."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from readmit_runtime.clock import SystemClock
from rich.console import Console, Group
from rich.live import Live

from readmit_cli import terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.models.options import AsJson
from readmit_cli.overview import overview, rendering
from readmit_cli.overview.looks import Looks
from readmit_cli.overview.overview import Overview

INTERVAL_S = 2.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    *,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Go on until Ctrl-C or SIGTERM; with --json, an object a line each time."),
    ] = False,
    interval_s: Annotated[
        float | None,
        typer.Option(
            "--interval",
            min=0.5,
            max=3_600,
            metavar="SECONDS",
            help=f"With --watch: how long to wait between two looks ({INTERVAL_S:g}).",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what runs, the alerts, the runs, the lag, what is trained, what serves and what is in the store.

    Ends with 4 when a part is down. With --watch that is shown, and the end is Ctrl-C or SIGTERM, with 0.
    """
    if interval_s is not None and not watch:
        raise CommandFailed("--interval goes with --watch.", code=ExitCode.USAGE)
    if watch:
        _watch(interval_s or INTERVAL_S, as_json=as_json)
        return
    found = terminal.run(Looks.over(Connections.find(), SystemClock()).once())
    if as_json:
        terminal.print_json(overview.as_dict(found))
    else:
        console = terminal.out()
        for section in rendering.screen(found, console.width):
            console.print(section, soft_wrap=isinstance(section, str))
    if not found.whole:
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _watch(interval_s: float, *, as_json: bool) -> None:
    console = terminal.out()
    if not (as_json or console.is_terminal):
        raise CommandFailed("--watch without --json needs a terminal, and this is none.", code=ExitCode.USAGE)
    looks = Looks.over(Connections.find(), SystemClock())
    watching = looks.follow(_line, interval_s=interval_s) if as_json else _live(looks, console, interval_s)
    with contextlib.suppress(KeyboardInterrupt):
        terminal.run(_until_told_to_end(watching))


async def _until_told_to_end(watching: Coroutine[Any, Any, None]) -> None:
    """Watch until Ctrl-C or SIGTERM, which without a handler would leave the alternate screen on."""
    task = asyncio.ensure_future(watching)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _line(found: Overview) -> None:
    terminal.print_json(overview.as_dict(found), one_line=True)


async def _live(looks: Looks, console: Console, interval_s: float) -> None:
    with Live("Looking ...", console=console, screen=True, auto_refresh=False) as live:

        def show(found: Overview) -> None:
            live.update(Group(*rendering.screen(found, console.width)), refresh=True)

        await looks.follow(show, interval_s=interval_s)
