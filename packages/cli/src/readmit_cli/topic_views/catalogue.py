"""Find topics by what people type: the full name, or the part between `readmit.` and the version."""

from difflib import get_close_matches
from typing import Annotated

import typer
from readmit_contracts.topics import TOPICS, Topic, dead_letter

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

_DEAD_LETTERS = ".dlq"

Name = Annotated[str, typer.Argument(help="A topic, such as readmit.ingestion.events.v1 or ingestion.events.")]


def find(name: str) -> Topic:
    """Return the topic or dead letter topic of this name, such as `ingestion.events`; raises CommandFailed."""
    by_name = {known: topic for topic in TOPICS for known in (topic.name, short_name(topic))}
    found = by_name.get(name.removesuffix(_DEAD_LETTERS))
    if found is None:
        likely = get_close_matches(name, by_name, n=1)
        hint = f"did you mean {likely[0]}?" if likely else "`readmit topics list` shows them."
        raise CommandFailed(f"There is no topic {name}; {hint}", code=ExitCode.USAGE)
    return dead_letter(found) if name.endswith(_DEAD_LETTERS) else found


def find_plain(name: str) -> Topic:
    """Return the topic of this name, or the one whose dead letter topic has it; raises CommandFailed."""
    return find(name.removesuffix(_DEAD_LETTERS))


def short_name(topic: Topic) -> str:
    """Return the topic's name without `readmit.` and the version."""
    return topic.name.removeprefix("readmit.").rpartition(".v")[0]
