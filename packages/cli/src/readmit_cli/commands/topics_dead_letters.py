"""`readmit topics dead-letters`: what was set aside, and why."""

from typing import Annotated

import typer
from readmit_contracts.topics import TOPICS

from readmit_cli import terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.models.options import AsJson
from readmit_cli.topic_views import catalogue, parked, places, rendering
from readmit_cli.topic_views.message_view import view


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Look at what was set aside.", rich_markup_mode=None)
    group.command("list")(list_letters)
    group.command("show")(show)
    app.add_typer(group, name="dead-letters")


def list_letters(
    *,
    topic: Annotated[str | None, typer.Argument(help="A topic; by default all of them.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many, the last ones.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the dead letters: when and why each was set aside, by whom, and where it came from."""
    topics = TOPICS if topic is None else (catalogue.find_plain(topic),)
    letters = terminal.run(parked.parked_in(topics, limit, Connections.find().kafka()))
    if as_json:
        terminal.print_json(letters)
    else:
        terminal.out().print(parked.table(letters) if letters else "Nothing was set aside.")


def show(
    *,
    topic: catalogue.Name,
    place: Annotated[str, typer.Argument(metavar="PARTITION@OFFSET", help="Where it stands, as the list says.")],
    values: Annotated[bool, typer.Option("--values", help="Show its content, maybe a patient's row, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its headers, why and where it was set aside; its content with --values."""
    found = catalogue.find_plain(topic)
    at = places.place(place, "The place")
    record = terminal.run(parked.parked_at(found, at, Connections.find().kafka()))
    shown = view(record, values=values)
    if as_json:
        terminal.print_json(shown)
    else:
        terminal.out().print(rendering.message(shown, compact=False), soft_wrap=True)
