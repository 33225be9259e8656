"""`readmit doctor`: what is wrong here, and what to do."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from readmit_cli.exit_codes import ExitCode
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.prerequisites import Check, check_prerequisites
from readmit_cli.stack.running_parts import check_running_parts
from readmit_cli.stack.stack import Stack

MARKS = {"ok": "[green]✓[/]", "off": "[yellow]·[/]", "failed": "[red]✗[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON, and nothing else.")] = False
) -> None:
    """Check what the local stack needs and every part that runs; ends with 1 if something is wrong."""
    checkout = Checkout.find()
    groups = {"prerequisites": list(check_prerequisites(checkout)), "stack": _stack_checks(checkout)}
    if as_json:
        typer.echo(json.dumps({group: [asdict(c) for c in checks] for group, checks in groups.items()}, indent=1))
    else:
        console = Console()
        for group, checks in groups.items():
            console.print(_table(group, checks))
    failed = [check.name for checks in groups.values() for check in checks if check.verdict == "failed"]
    raise typer.Exit(ExitCode.FAILED if failed else ExitCode.DONE)


def _stack_checks(checkout: Checkout) -> list[Check]:
    try:
        stack = Stack.find(checkout)
    except StackError:
        return [Check("supervisor", "off", "the stack was never started", "readmit up")]
    return list(check_running_parts(stack))


def _table(title: str, checks: list[Check]) -> Table:
    table = Table("", title, "", "what to do", box=None, pad_edge=False, header_style="bold")
    for check in checks:
        table.add_row(MARKS[check.verdict], check.name, escape(check.detail), escape(check.advice))
    return table
