"""`readmit predict`: the risk that a patient is readmitted within 30 days."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from readmit_contracts.predictions import example_encounter

from readmit_cli import terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.prediction import client, rendering

STDIN = "-"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(predict)


def predict(
    *,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="An encounter as JSON, - for stdin; by default the API's example."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON, and nothing else.")] = False,
) -> None:
    """Send one encounter to a predictor, and show the risk, the decision and the model that answered.

    Ends with 0 for an answer, 1 when the encounter is refused, 2 for a file that can't be read, 4 when no predictor
    answers or none has a model yet.
    """
    body = _body(file)
    connections = Connections.find()
    answer = terminal.run(client.predict(connections.predictor(), body, key=connections.access_key()))
    if as_json:
        terminal.print_json(answer)
        return
    console = terminal.out()
    if file is None:
        console.print("The example encounter of the API's documentation; --file takes one of yours.", style="dim")
    for line in rendering.prediction_lines(answer):
        console.print(line, soft_wrap=True)


def _body(file: str | None) -> bytes:
    if file is None:
        return msgspec.json.encode(example_encounter())
    if file == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file} can't be read ({error.strerror}).", code=ExitCode.USAGE) from error
