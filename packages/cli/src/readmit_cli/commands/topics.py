"""`readmit topics`: what stands in Kafka, and who is behind."""

import contextlib
from typing import Annotated

import typer
from readmit_contracts.topics import TOPICS
from readmit_runtime.clock import SystemClock
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_admin import TopicAdmin

from readmit_cli import terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.sessions import CLIENT_ID
from readmit_cli.topic_views import catalogue, listing, rendering
from readmit_cli.topic_views.message_view import view
from readmit_cli.topic_views.tail import DEFAULT_LAST, Selection, tail


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Look into Kafka's topics.", rich_markup_mode=None)
    group.command("list")(list_topics)
    group.command("tail")(tail_topic)
    app.add_typer(group, name="topics")


def list_topics(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print the topics as JSON, and nothing else.")] = False
) -> None:
    """List the topics: what is in them, who writes and reads, and who is behind."""
    rows = terminal.run(_rows(Connections.find().kafka()))
    if as_json:
        terminal.print_json(rows)
    else:
        terminal.out().print(rendering.table(rows))


async def _rows(kafka: KafkaSettings) -> list[listing.TopicRow]:
    async with TopicAdmin.connect(kafka, client_id=CLIENT_ID) as admin:
        return await listing.rows(TOPICS, admin, SystemClock())


def tail_topic(
    *,
    topic: Annotated[str, typer.Argument(help="A topic, such as readmit.ingestion.events.v1 or ingestion.events.")],
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest message.")] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=0, help=f"Show this many messages: the last ({DEFAULT_LAST}), or the first."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    key: Annotated[str | None, typer.Option("--key", help="Show only messages whose key begins so.")] = None,
    type_name: Annotated[
        str | None, typer.Option("--type", help="Show only messages of this type, such as BatchStored.")
    ] = None,
    values: Annotated[
        bool, typer.Option("--values", help="Show the rows of chunks as well, and what can't be read.")
    ] = False,
    compact: Annotated[bool, typer.Option("--compact", help="Print each message's JSON on one line.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line, and nothing else.")] = False,
) -> None:
    """Show the messages of a topic: time, partition@offset, type, key, content; of chunks the headers only."""
    found = catalogue.find(topic)
    reader = KafkaTopicReader(Connections.find().kafka(), found.name, client_id=CLIENT_ID)
    selection = Selection(from_beginning=from_beginning, limit=limit, follow=follow, key=key, type=type_name)
    console = terminal.out()

    def show(record: IncomingRecord) -> None:
        shown = view(record, values=values)
        if as_json:
            terminal.print_json(shown, one_line=True)
        else:
            console.print(rendering.message(shown, compact=compact), soft_wrap=True)

    with contextlib.suppress(KeyboardInterrupt):  # the usual end of following
        terminal.run(tail(reader, selection, show))
