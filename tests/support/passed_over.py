"""Let a service's group pass over what other tests sent to the topics it reads."""

import asyncio
from collections.abc import Sequence

from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.kafka_consumer import KafkaConsumerClient
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_admin import TopicAdmin


async def pass_over(bootstrap: str, *, group: str, topics: Sequence[str]) -> None:
    """Commit the present ends of the topics for a group that has no member now."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap)
    async with TopicAdmin.connect(kafka, client_id="tests") as admin:
        ends = {at.partition: at.end for at in await admin.offsets(topics)}
    client = KafkaConsumerClient(kafka, ConsumerSettings(), topics=topics, group_id=group, client_id="tests")
    await client.start(_nothing_in_hand)
    async with asyncio.timeout(30):
        while len(client.assignment()) < len(ends):
            await client.poll(0.1, max_records=1)
    await client.commit(ends)
    await client.stop()


async def _nothing_in_hand() -> None:
    """A rebalance has nothing to wait for."""
