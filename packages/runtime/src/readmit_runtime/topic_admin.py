"""Create the topics as the contracts describe them, and look at what is in them and who is behind."""

# mypy: untyped-calls-exclude=aiokafka

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.protocol import ConsumerProtocol, ConsumerProtocolMemberAssignment
from aiokafka.errors import NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from readmit_contracts.topics import Topic

from readmit_runtime.errors import Transient
from readmit_runtime.group_lag import GroupState, PartitionLag, PartitionOffsets, partition_lag
from readmit_runtime.kafka_consumer import REQUEST_LIMIT_MS, close_consumer
from readmit_runtime.kafka_errors import transient_errors
from readmit_runtime.kafka_options import client_options
from readmit_runtime.messages import Partition
from readmit_runtime.settings import KafkaSettings

DAY_MS = 24 * 60 * 60 * 1000
KNOWN_POLL_S = 0.05
CALL_LIMIT_S = REQUEST_LIMIT_MS / 1000
NOT_COMMITTED = -1
GROUP_KINDS = (ConsumerProtocol.PROTOCOL_TYPE, "")  # one that only ever committed, without members, has no kind

Size = Literal["local", "production"]


class TopicNotCreated(Exception):
    """The broker refuses a topic for a reason that time does not heal."""


@dataclass(frozen=True, slots=True)
class TopicDifference:
    """One way in which a topic is not as described; `what` is `topic`, `partitions` or a broker's setting."""

    topic: str
    what: str
    expected: str
    found: str


class TopicAdmin:
    """An operator's connection; made by `TopicAdmin.connect`. Every call may raise Transient."""

    def __init__(self, admin: AIOKafkaAdminClient, offsets: AIOKafkaConsumer) -> None:
        self._admin = admin
        self._offsets = offsets

    @classmethod
    @asynccontextmanager
    async def connect(cls, kafka: KafkaSettings, *, client_id: str) -> AsyncIterator[Self]:
        """Connect for the length of the block."""
        options = {**client_options(kafka), "client_id": client_id, "request_timeout_ms": REQUEST_LIMIT_MS}
        admin = AIOKafkaAdminClient(**options)
        offsets = AIOKafkaConsumer(**options, group_id=None, enable_auto_commit=False)
        try:
            with transient_errors("connecting"):
                await admin.start()
                await offsets.start()
            yield cls(admin, offsets)
        finally:
            await close_consumer(offsets)
            await admin.close()

    async def create(self, topics: Sequence[Topic], *, size: Size, replication: int = 1) -> list[str]:
        """Create those of the topics that do not exist, and return their names; existing ones are left as they are."""
        wanted = [
            NewTopic(topic.name, partitions(topic, size), replication, topic_configs=config(topic)) for topic in topics
        ]
        async with _call("creating topics"):
            response: Any = await self._admin.create_topics(wanted)
        created = []
        for name, code, *detail in response.topic_errors:
            error = for_code(code)
            if error is NoError:
                created.append(name)
            elif error is not TopicAlreadyExistsError:
                with _refused(name):
                    raise error(*detail)
        await self._until_known(created)
        return created

    async def _until_known(self, created: Sequence[str]) -> None:
        """Wait until the broker answers for topics that its controller has just created."""
        async with _call("waiting for new topics"):
            while True:
                if len(await self._partition_counts(created)) == len(created):
                    return
                await asyncio.sleep(KNOWN_POLL_S)

    async def differences(self, topics: Sequence[Topic], *, size: Size) -> list[TopicDifference]:
        """Compare the broker's topics with their description; empty when all is as described."""
        counts = await self._partition_counts([topic.name for topic in topics])
        there = [topic for topic in topics if topic.name in counts]
        found = [TopicDifference(topic.name, "topic", "exists", "missing") for topic in topics if topic not in there]
        for topic in there:
            if counts[topic.name] != partitions(topic, size):
                expected = str(partitions(topic, size))
                found.append(TopicDifference(topic.name, "partitions", expected, str(counts[topic.name])))
        found.extend(await self._config_differences(there))
        return found

    async def _config_differences(self, topics: Sequence[Topic]) -> list[TopicDifference]:
        expected = {topic.name: config(topic) for topic in topics}
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, topic.name, dict.fromkeys(expected[topic.name], ""))
            for topic in topics
        ]
        if not resources:
            return []
        async with _call("reading the topics' settings"):
            responses: list[Any] = await self._admin.describe_configs(resources)
        return [
            TopicDifference(name, setting, expected[name][setting], str(value))
            for response in responses
            for _code, _message, _kind, name, entries in response.resources
            for setting, value, *_ in entries
            if setting in expected[name] and value != expected[name][setting]
        ]

    async def offsets(self, topics: Collection[str]) -> list[PartitionOffsets]:
        """Return every partition's bounds, sorted; raises Transient where a topic does not exist."""
        counts = await self._partition_counts(topics)
        missing = sorted(set(topics) - counts.keys())
        if missing:
            raise Transient(f"Topics that do not exist: {', '.join(missing)}; create them.")
        parts = [TopicPartition(name, number) for name in sorted(counts) for number in range(counts[name])]
        async with _call("reading offsets"):
            ends = await self._offsets.end_offsets(parts)
            firsts = await self._offsets.beginning_offsets(parts)
        return [PartitionOffsets(Partition(part.topic, part.partition), firsts[part], ends[part]) for part in parts]

    async def group_lag(self, group_id: str, topics: Collection[str]) -> list[PartitionLag]:
        """Return how far the group is behind in every partition of the topics, sorted."""
        bounds = await self.offsets(topics)
        parts = [TopicPartition(bound.partition.topic, bound.partition.number) for bound in bounds]
        async with _call("reading a group's offsets"):
            stored = await self._admin.list_consumer_group_offsets(group_id, partitions=parts)
        committed = [stored[part].offset if part in stored else NOT_COMMITTED for part in parts]
        return [
            partition_lag(bound, None if offset == NOT_COMMITTED else offset)
            for bound, offset in zip(bounds, committed, strict=True)
        ]

    async def existing(self, topics: Collection[str]) -> list[str]:
        """Return those of the topics that exist, sorted."""
        return sorted(await self._partition_counts(topics))

    async def groups(self, topics: Collection[str]) -> list[GroupState]:
        """Return every group that has committed or holds a partition of the topics, sorted."""
        async with _call("listing groups"):
            listed = await self._admin.list_consumer_groups()
        states = [await self._group(name) for name, kind in sorted(listed) if kind in GROUP_KINDS]
        wanted = frozenset(topics)
        return [
            state
            for state in states
            if not wanted.isdisjoint(partition.topic for partition in (*state.committed, *state.held))
        ]

    async def _group(self, group_id: str) -> GroupState:
        async with _call(f"looking the group {group_id} up"):
            # one by one: the library takes an answer about several of them apart by an older layout
            (response,) = await self._admin.describe_consumer_groups([group_id])
            stored = await self._admin.list_consumer_group_offsets(group_id)
        described = response.to_object()["groups"][0]
        error = for_code(described["error_code"])
        if error is not NoError:
            with transient_errors(f"looking the group {group_id} up"):
                raise error(group_id)
        return GroupState(
            group=group_id,
            state=described["state"],
            members=len(described["members"]),
            held=frozenset(part for member in described["members"] for part in _held(member["member_assignment"])),
            committed={
                Partition(part.topic, part.partition): found.offset
                for part, found in stored.items()
                if found.offset != NOT_COMMITTED
            },
        )

    async def _partition_counts(self, topics: Collection[str]) -> dict[str, int]:
        async with _call("looking the topics up"):
            described = await self._admin.describe_topics(list(topics)) if topics else []
        counts = {}
        for topic in described:
            error = for_code(topic["error_code"])
            if error is NoError:
                counts[topic["topic"]] = len(topic["partitions"])
            elif error is not UnknownTopicOrPartitionError:
                with transient_errors(f"looking {topic['topic']} up"):
                    raise error(topic["topic"])
        return counts


def lag_of(
    kafka: KafkaSettings, *, group_id: str, topics: Collection[str], client_id: str
) -> Callable[[], Awaitable[list[PartitionLag]]]:
    """Return a call that reads the group's lag over a connection made for it, so that it cannot be stuck itself."""

    async def read() -> list[PartitionLag]:
        async with TopicAdmin.connect(kafka, client_id=client_id) as admin:
            return await admin.group_lag(group_id, topics)

    return read


def partitions(topic: Topic, size: Size) -> int:
    """Return how many partitions the topic has in an installation of that size."""
    return topic.partitions_local if size == "local" else topic.partitions_production


def config(topic: Topic) -> dict[str, str]:
    """Return the broker's settings of a topic."""
    settings: dict[str, str] = {"cleanup.policy": topic.cleanup, "message.timestamp.type": topic.timestamp}
    if topic.retention_days is not None:
        settings["retention.ms"] = str(topic.retention_days * DAY_MS)
    return settings


def _held(assignment: bytes) -> list[Partition]:
    """Return what a member holds; nothing while the group shares its partitions out."""
    if not assignment:
        return []
    parts = ConsumerProtocolMemberAssignment.decode(assignment).partitions()
    return [Partition(part.topic, part.partition) for part in parts]


@asynccontextmanager
async def _call(doing: str) -> AsyncIterator[None]:
    with transient_errors(doing):
        async with asyncio.timeout(CALL_LIMIT_S):
            yield


@contextmanager
def _refused(topic: str) -> Iterator[None]:
    try:
        with transient_errors(f"creating {topic}"):
            yield
    except Transient:
        raise
    except Exception as error:
        raise TopicNotCreated(f"The broker does not create {topic}: {error}; correct its description.") from error
