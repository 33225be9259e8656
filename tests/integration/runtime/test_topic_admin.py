"""Topics on a real broker: created as described, once, and compared with their description."""

from collections.abc import AsyncIterator
from uuid import uuid4

import msgspec
import pytest
from readmit_contracts.topics import MODELS_LOADED, MODELS_PROMOTED, PREDICTIONS, Topic
from readmit_runtime.errors import Transient
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_admin import TopicAdmin, TopicDifference, TopicNotCreated


@pytest.fixture
async def admin(kafka_bootstrap: str) -> AsyncIterator[TopicAdmin]:
    """Return a connection to the real broker."""
    async with TopicAdmin.connect(KafkaSettings(bootstrap_servers=kafka_bootstrap), client_id="test") as admin:
        yield admin


def renamed(topic: Topic, **changes: object) -> Topic:
    """Return the topic under a name of this test's own."""
    return msgspec.structs.replace(topic, name=f"test.{uuid4().hex}", **changes)


async def test_topics_are_created_as_described_and_only_once(admin: TopicAdmin) -> None:
    """Set-up may run at every start."""
    topics = [renamed(topic) for topic in (MODELS_PROMOTED, MODELS_LOADED, PREDICTIONS)]
    assert await admin.create(topics, size="local") == [topic.name for topic in topics]
    assert await admin.create(topics, size="local") == []
    assert await admin.differences(topics, size="local") == []
    bounds = await admin.offsets([topic.name for topic in topics])
    assert len(bounds) == 1 + 1 + 3
    assert {(bound.first, bound.end) for bound in bounds} == {(0, 0)}


async def test_what_differs_from_the_description_is_named(admin: TopicAdmin) -> None:
    """A topic made by hand, or by an older release, must not pass for the real one."""
    made = renamed(PREDICTIONS)
    await admin.create([made], size="local")
    wanted = msgspec.structs.replace(made, cleanup="compact", retention_days=1, partitions_local=5)
    missing = renamed(PREDICTIONS)
    assert set(await admin.differences([wanted, missing], size="local")) == {
        TopicDifference(missing.name, "topic", "exists", "missing"),
        TopicDifference(made.name, "partitions", "5", "3"),
        TopicDifference(made.name, "cleanup.policy", "compact", "delete"),
        TopicDifference(made.name, "retention.ms", str(86_400_000), str(30 * 86_400_000)),
    }


async def test_a_topic_that_the_broker_refuses_is_an_error(admin: TopicAdmin) -> None:
    """Waiting would not make the name valid."""
    with pytest.raises(TopicNotCreated, match="correct its description"):
        await admin.create([msgspec.structs.replace(PREDICTIONS, name="not a name")], size="local")


async def test_offsets_of_a_topic_that_does_not_exist_are_transient(admin: TopicAdmin) -> None:
    """It may be made any moment."""
    with pytest.raises(Transient, match="create them"):
        await admin.offsets([f"test.{uuid4().hex}"])
