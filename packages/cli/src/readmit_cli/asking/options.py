"""Declare what commands that are put on record have in common on their command lines, and check it."""

import getpass
from typing import Annotated

import typer

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

_REASON_MAX = 200
_ACTOR_MAX = 100

Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.", show_default=False)]
Actor = Annotated[
    str | None,
    typer.Option("--actor", help="Who wants it, for the record; by default your login name.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what came of the command as JSON, and nothing else.")]


def check_reason(reason: str) -> None:
    """Raise CommandFailed for a reason that the record does not take."""
    if not _is_line(reason, _REASON_MAX):
        raise CommandFailed(f"--reason takes 1 to {_REASON_MAX} characters on one line.", code=ExitCode.USAGE)


def actor_or_login(actor: str | None) -> str:
    """Return the actor, by default the login name; raises CommandFailed for one that the record does not take."""
    found = getpass.getuser() if actor is None else actor
    if not _is_line(found, _ACTOR_MAX):
        raise CommandFailed(f"--actor takes 1 to {_ACTOR_MAX} characters on one line.", code=ExitCode.USAGE)
    return found


def _is_line(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text.isprintable()
