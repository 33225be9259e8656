"""`readmit topics create`: make the topics that are missing, and name those that differ."""

from typing import Annotated

import typer
from readmit_contracts.topics import EVERY_TOPIC
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_admin import Size, TopicAdmin, TopicDifference, TopicNotCreated

from readmit_cli import terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.failures import CommandFailed
from readmit_cli.sessions import CLIENT_ID


def create(
    *,
    size: Annotated[Size, typer.Option("--size", help="As many partitions as such an installation has.")],
    replication: Annotated[int, typer.Option("--replication", min=1, max=9, help="Brokers that keep each record.")] = 1,
) -> None:
    """Make the topics that are missing, dead letters included.

    One that is there is left as it is; when it differs from what is declared, the command ends with 1.
    """
    created, differences = terminal.run(_create(Connections.find().kafka(), size, replication))
    for name in created:
        terminal.out().print(f"created {name}")
    if differences:
        raise CommandFailed("; ".join(f"{d.topic}: {d.what} is {d.found}, declared {d.expected}" for d in differences))
    terminal.out().print(f"{len(EVERY_TOPIC)} topics are as declared")


async def _create(kafka: KafkaSettings, size: Size, replication: int) -> tuple[list[str], list[TopicDifference]]:
    async with TopicAdmin.connect(kafka, client_id=CLIENT_ID) as admin:
        try:
            created = await admin.create(EVERY_TOPIC, size=size, replication=replication)
        except TopicNotCreated as error:
            raise CommandFailed(str(error)) from error
        return created, await admin.differences(EVERY_TOPIC, size=size)
