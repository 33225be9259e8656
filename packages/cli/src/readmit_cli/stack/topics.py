"""Give the broker the topics of the topic table."""

import asyncio

from readmit_contracts.topics import EVERY_TOPIC
from readmit_runtime.errors import Transient
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_admin import TopicAdmin, TopicNotCreated

from readmit_cli.stack.errors import StackError


def apply(bootstrap_servers: str) -> str:
    """Create the topics that are missing; answer a note on what was done. Raises StackError."""
    return asyncio.run(_apply(KafkaSettings(bootstrap_servers=bootstrap_servers)))


async def _apply(kafka: KafkaSettings) -> str:
    try:
        async with TopicAdmin.connect(kafka, client_id="readmit-up") as admin:
            created = await admin.create(EVERY_TOPIC, size="local")
            differences = await admin.differences(EVERY_TOPIC, size="local")
    except (Transient, TopicNotCreated) as error:
        raise StackError(f"The topics cannot be made on {kafka.bootstrap_servers}: {error}") from error
    notes = [f"{len(created)} created"] if created else []
    # A topic from an older checkout keeps its records; whether to remake it is for a person to say.
    notes += [f"{d.topic}: {d.what} is {d.found}, described as {d.expected}" for d in differences]
    return "; ".join(notes)
