"""`readmit topics`: what stands in Kafka, who reads it, and who is behind."""

from typing import Annotated, get_args

import typer
from readmit_contracts.topics import EVERY_TOPIC, TOPICS, Topic
from readmit_runtime.group_lag import LagReport
from readmit_runtime.lag_reader import LagReader
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_admin import Size, TopicAdmin, TopicDifference

from readmit_cli import terminal
from readmit_cli.commands import topics_create, topics_dead_letters, topics_produce, topics_tail
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.models.options import AsJson
from readmit_cli.sessions import CLIENT_ID
from readmit_cli.topic_views import catalogue, description, lag_view, listing, rendering

SIZES = get_args(Size)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Look into Kafka's topics.", rich_markup_mode=None)
    group.command("list")(list_topics)
    group.command("describe")(describe)
    group.command("tail")(topics_tail.tail_topic)
    group.command("lag")(lag)
    group.command("create")(topics_create.create)
    topics_dead_letters.register(group)
    group.command("produce")(topics_produce.produce)
    app.add_typer(group, name="topics")


def list_topics(*, as_json: AsJson = False) -> None:
    """List the topics: what is in them, how long it is kept, who writes and reads, and which group is behind."""
    rows = listing.rows(TOPICS, terminal.run(_report(Connections.find().kafka())))
    if as_json:
        terminal.print_json(rows)
    else:
        terminal.out().print(rendering.table(rows))


def describe(
    *,
    topic: catalogue.Name,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="SIZE",
            help="Compare with a local or a production installation; by default local for the local stack.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Describe a topic: what is declared, how the broker's differs, its partitions, the groups that read it.

    Ends with 0 whether it differs or not.
    """
    found = catalogue.find(topic)
    connections = Connections.find()
    wanted = _size(size, local=connections.local_kafka)
    differences, report = terminal.run(_look(connections.kafka(), found, wanted))
    described = description.describe(found, wanted, differences, report)
    if as_json:
        terminal.print_json(described)
        return
    for section in description.sections(described):
        terminal.out().print(section)


def lag(
    *,
    group: Annotated[str | None, typer.Option("--group", help="Show this group alone.", show_default=False)] = None,
    topic: Annotated[str | None, typer.Option("--topic", help="Show this topic alone.", show_default=False)] = None,
    partitions: Annotated[bool, typer.Option("--partitions", help="Show every partition too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far the groups are behind, in messages and by the age of the oldest message not committed.

    Ends with 0 however far that is.
    """
    wanted = None if topic is None else catalogue.find(topic).name
    rows = lag_view.rows(terminal.run(_report(Connections.find().kafka())), group=group, topic=wanted)
    if as_json:
        terminal.print_json(rows)
    else:
        terminal.out().print(lag_view.table(rows, partitions=partitions) if rows else "No group reads here yet.")


async def _report(kafka: KafkaSettings) -> LagReport:
    async with LagReader.connect(kafka, [topic.name for topic in EVERY_TOPIC], client_id=CLIENT_ID) as reader:
        return await reader.read()


async def _look(kafka: KafkaSettings, topic: Topic, size: Size) -> tuple[list[TopicDifference], LagReport]:
    async with TopicAdmin.connect(kafka, client_id=CLIENT_ID) as admin:
        differences = await admin.differences([topic], size=size)
    async with LagReader.connect(kafka, [topic.name], client_id=CLIENT_ID) as reader:
        return differences, await reader.read()


def _size(asked: str | None, *, local: bool) -> Size:
    match asked:
        case "local" | "production":
            return asked
        case None:
            return "local" if local else "production"
        case _:
            raise CommandFailed(f"--size takes {' or '.join(SIZES)}.", code=ExitCode.USAGE)
