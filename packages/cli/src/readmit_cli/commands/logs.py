"""`readmit logs`: what the programs of the local stack said."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.stack.log_files import LogFollower, last_lines
from readmit_cli.stack.stack import Stack

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("logs")(logs)


def logs(
    *,
    program: Annotated[str | None, typer.Argument(help="One program; by default all of them.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines from the end of each log.")] = 20,
) -> None:
    """Print the end of the logs, and with --follow what comes next."""
    stack = Stack.find()
    files = {file.stem: file for file in sorted(stack.state.logs.glob("*.log"))}
    if program is not None:
        if program not in files:
            raise CommandFailed(f"No log of {program!r}; there are: {', '.join(files)}.", code=ExitCode.USAGE)
        files = {program: files[program]}
    console = Console(highlight=False, soft_wrap=True)
    colour = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(files)}
    width = max(map(len, files), default=0)

    def show(name: str, line: str) -> None:
        if program is None:
            console.print(f"{name:<{width}} | ", style=colour[name], end="")
        console.print(line, markup=False)

    followers = {name: LogFollower(file) for name, file in files.items()}
    for name, file in files.items():
        for line in last_lines(file, lines):
            show(name, line)
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            _follow(followers, show)
    for follower in followers.values():
        follower.close()


def _follow(followers: Mapping[str, LogFollower], show: Callable[[str, str], None]) -> NoReturn:
    while True:
        for name, follower in followers.items():
            for line in follower.new_lines():
                show(name, line)
        LogFollower.pause()
