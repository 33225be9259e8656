"""Declare what the commands on models have in common on their command lines, and check it."""

import re
from typing import Annotated

import typer

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")

Name = Annotated[str, typer.Option("--model", metavar="NAME", help="The name under which models compete.")]
ExpectedEpoch = Annotated[
    int | None,
    typer.Option("--expected-epoch", min=1, help="Refuse unless the champion has this epoch.", show_default=False),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000, help="How many to list, newest first.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]


def check_name(name: str) -> None:
    """Raise CommandFailed for what can be no model name."""
    if _NAME.fullmatch(name) is None:
        raise CommandFailed(
            "--model takes a name of small letters, digits and dashes that begins with a letter.", code=ExitCode.USAGE
        )
