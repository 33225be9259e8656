"""What a transaction put into the outbox is published: at least once, in the order of commits, by one relay."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from readmit_runtime import outbox
from readmit_runtime.backoff import Backoff
from readmit_runtime.database import Connection, DirectConnection, Pool
from readmit_runtime.errors import Transient
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.outbox_relay import OutboxRelay
from readmit_runtime.producer import DeliveryUnknown, Outcome, RecordTooLarge
from readmit_runtime.settings import PostgresSettings
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer
from support.owner_schema import create_owner_schema

TOPIC = "readmit.example.v1"
POLL_S = 0.02
LIMIT_S = 20.0
LEADER = """
    SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l USING (pid)
    WHERE a.application_name = $1 AND l.locktype = 'advisory' AND l.granted
"""


def record(value: object, *, key: str = "key", topic: str = TOPIC) -> OutgoingRecord:
    """Make a record whose value tells it apart."""
    return OutgoingRecord(topic, key.encode(), str(value).encode(), (("ce_id", b"1"), ("ce_type", b"readmit.X.v1")))


async def add(connection: Connection, schema: str, *records: OutgoingRecord) -> None:
    """Add events with ids of their own."""
    await outbox.add(connection, schema, [(uuid4(), entry) for entry in records])


def values(producer: FakeProducer) -> list[str]:
    """Tell what was published, in order."""
    return [(entry.value or b"").decode() for entry in producer.published]


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for an effect."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(POLL_S)


@pytest.fixture
def broker() -> FakeBroker:
    """Give a broker with the topics of these tests."""
    broker = FakeBroker()
    for topic in (TOPIC, "readmit.other.v1"):
        broker.create_topic(topic, partitions=3)
    return broker


@pytest.fixture
def producer(broker: FakeBroker) -> FakeProducer:
    """Give a producer on that broker."""
    return FakeProducer(broker)


@asynccontextmanager
async def running(relay: OutboxRelay) -> AsyncIterator[OutboxRelay]:
    """Run a relay, and stop it in order."""
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    try:
        yield relay
    finally:
        stop.set()
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(task, return_exceptions=True)


class Relays:
    """Makes relays of one outbox."""

    def __init__(self, schema: str, settings: PostgresSettings) -> None:
        self.schema = schema
        self.settings = settings

    def make(
        self,
        producer: FakeProducer,
        *,
        backoff_s: float = POLL_S,
        poll_s: float = POLL_S,
        lock_idle_s: float = 60.0,
        page_records: int = 500,
    ) -> OutboxRelay:
        """Make one; it is not running yet."""
        return OutboxRelay(
            self.schema,
            self.settings,
            producer,
            poll_s=poll_s,
            page_records=page_records,
            lock_idle_s=lock_idle_s,
            backoff=Backoff(first_s=backoff_s, most_s=backoff_s),
        )


@pytest.fixture
def relays(schema: str, database_settings: PostgresSettings) -> Relays:
    """Give the maker of relays for the test's outbox."""
    return Relays(schema, database_settings)


async def end_leader(connection: DirectConnection, schema: str) -> None:
    """Cut the connection of the relay that holds the lock, as a failing network does."""
    await until(lambda: has_leader(connection, schema))
    pid = await connection.fetchval(LEADER, f"readmit outbox {schema}")
    await connection.execute("SELECT pg_terminate_backend($1)", pid)


async def has_leader(connection: DirectConnection, schema: str) -> bool:
    """Tell whether a relay holds the lock."""
    return await connection.fetchval(LEADER, f"readmit outbox {schema}") is not None


async def waiting(connection: Connection, schema: str) -> list[str]:
    """Tell what is not known to be published."""
    return [
        (entry.record.value or b"").decode() for entry in await outbox.waiting(connection, schema, after=0, limit=999)
    ]


async def test_a_record_arrives_as_it_was_added(
    connection: DirectConnection, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """Key, value, headers and their order are part of the contract; a value of None is a tombstone."""
    given = [
        OutgoingRecord(TOPIC, b"\x00k", "ä".encode(), (("a", b"\xff"), ("b", b""), ("a", b"2"))),
        OutgoingRecord(TOPIC, b"", None, ()),
    ]
    await add(connection, schema, *given)
    async with running(relays.make(producer)) as relay:
        await until(lambda: len(producer.published) == 2)
        await until(lambda: relay.published == 2)
    assert producer.published == given
    assert await waiting(connection, schema) == []


async def test_an_event_that_is_there_already_is_not_added_again(connection: DirectConnection, schema: str) -> None:
    """Work that is done twice announces itself once."""
    event_id = UUID(int=7)
    await outbox.add(connection, schema, [(event_id, record("first"))])
    await outbox.add(connection, schema, [(event_id, record("second")), (uuid4(), record("third"))])
    assert await waiting(connection, schema) == ["first", "third"]


async def test_a_header_name_that_postgres_can_not_hold_does_not_stop_the_transaction(
    connection: DirectConnection, schema: str
) -> None:
    """Whoever sends such a name to a topic must not bring the consumer down when it is parked."""
    await add(connection, schema, OutgoingRecord(TOPIC, b"k", b"odd", (("a\0b", b"\0"),)))
    assert await waiting(connection, schema) == ["odd"]


async def test_an_event_of_a_rolled_back_transaction_is_never_published(
    connection: DirectConnection, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """An announced run that does not exist would be trained."""

    async def fail() -> None:
        async with connection.transaction():
            await add(connection, schema, record("undone"))
            raise LookupError("crash")

    async with running(relays.make(producer)):
        with pytest.raises(LookupError):
            await fail()
        await add(connection, schema, record("done"))
        await until(lambda: values(producer) == ["done"])


async def test_the_order_of_a_key_is_the_order_of_its_commits(
    pool: Pool, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """The newest promotion must be the last one read, whoever wrote when."""
    chance = random.Random(5)  # noqa: S311 - a repeatable muddle
    keys, writes = 5, 120
    async with pool.acquire() as connection:
        await connection.execute(f"CREATE TABLE {schema}.counters (key text PRIMARY KEY, value integer)")
        await connection.executemany(
            f"INSERT INTO {schema}.counters VALUES ($1, 0)", [(str(key),) for key in range(keys)]
        )

    async def write(key: str, pause_s: float) -> None:
        async with pool.acquire() as connection, connection.transaction():
            count = await connection.fetchval(
                f"UPDATE {schema}.counters SET value = value + 1 WHERE key = $1 RETURNING value", key
            )
            await asyncio.sleep(pause_s)
            await add(connection, schema, record(count, key=key))
            await asyncio.sleep(pause_s)

    async with running(relays.make(producer, page_records=7)):
        await asyncio.gather(*(write(str(chance.randrange(keys)), chance.random() * 0.01) for _ in range(writes)))
        await until(lambda: len(producer.published) >= writes)

    seen: dict[bytes, list[int]] = defaultdict(list)
    for entry in producer.published:
        seen[entry.key].append(int(entry.value or b"0"))
    assert sum(len(numbers) for numbers in seen.values()) == writes
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen.values())


async def test_a_lower_id_that_commits_later_is_published_too(
    pool: Pool, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """A relay that remembers the highest id it saw would lose it, and nobody would know."""
    async with running(relays.make(producer)), pool.acquire() as early, pool.acquire() as late:
        transaction = early.transaction()
        await transaction.start()
        await add(early, schema, record("lower id", key="a"))
        await add(late, schema, record("higher id", key="b"))
        await until(lambda: values(producer) == ["higher id"])
        await asyncio.sleep(5 * POLL_S)
        await transaction.commit()
        await until(lambda: values(producer) == ["higher id", "lower id"])


class DiesAfterPublishing(FakeProducer):
    """Publishes, and then something happens before the relay hears of it."""

    def __init__(self, broker: FakeBroker, then: Callable[[], Awaitable[None]]) -> None:
        super().__init__(broker)
        self._then = then

    async def publish_all(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """Publish; then die."""
        outcomes = await super().publish_all(records)
        await self._then()
        return outcomes


async def test_a_relay_killed_between_publishing_and_marking_loses_nothing(
    connection: DirectConnection, schema: str, relays: Relays, broker: FakeBroker, producer: FakeProducer
) -> None:
    """A repeat is dropped by its reader; a loss is found by nobody."""
    published = asyncio.Event()

    async def hang() -> None:
        published.set()
        await asyncio.sleep(LIMIT_S)

    await add(connection, schema, record("one"), record("two"))
    killed = DiesAfterPublishing(broker, hang)
    task = asyncio.create_task(relays.make(killed).run(asyncio.Event()))
    await published.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert values(killed) == ["one", "two"]

    async with running(relays.make(producer)):
        await until(lambda: values(producer) == ["one", "two"])


async def test_a_connection_lost_between_publishing_and_marking_loses_nothing(
    connection: DirectConnection, schema: str, relays: Relays, broker: FakeBroker
) -> None:
    """Postgres may restart at any moment; the same relay goes on afterwards."""
    cuts = 0

    async def cut() -> None:
        nonlocal cuts
        if cuts < 2:
            cuts += 1
            await end_leader(connection, schema)

    await add(connection, schema, record("one"), record("two"))
    producer = DiesAfterPublishing(broker, cut)
    async with running(relays.make(producer)) as relay:
        await until(lambda: relay.published == 2)
    assert values(producer) == ["one", "two"] * 3
    assert await waiting(connection, schema) == []


async def test_a_standby_takes_over_when_the_first_relays_connection_dies(
    connection: DirectConnection, schema: str, relays: Relays, broker: FakeBroker
) -> None:
    """One works at a time, for two would break the order; there is always one."""
    one, two = FakeProducer(broker), FakeProducer(broker)
    first, second = relays.make(one, backoff_s=LIMIT_S), relays.make(two)
    async with running(first):
        await until(lambda: first.leading)
        async with running(second):
            for number in range(5):
                await add(connection, schema, record(number))
            await until(lambda: len(one.published) == 5)
            assert [first.leading, second.leading] == [True, False]
            assert two.published == []

            await end_leader(connection, schema)
            await add(connection, schema, record("after"))
            await until(lambda: values(two) == ["after"])
            assert [first.leading, second.leading] == [False, True]
            assert len(one.published) == 5


async def test_a_relay_that_stands_still_loses_the_lock(
    connection: DirectConnection, schema: str, relays: Relays, broker: FakeBroker, producer: FakeProducer
) -> None:
    """A stopped process keeps its connection: without a limit its standby would wait for ever."""
    asleep = asyncio.Event()

    async def sleep() -> None:
        asleep.set()
        await asyncio.sleep(LIMIT_S)

    await add(connection, schema, record("one"))
    stuck = asyncio.create_task(relays.make(DiesAfterPublishing(broker, sleep), lock_idle_s=0.3).run(asyncio.Event()))
    await asleep.wait()
    async with running(relays.make(producer)):
        await until(lambda: values(producer) == ["one"])
    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)


async def test_a_record_the_broker_never_takes_stops_its_key_and_no_other(
    connection: DirectConnection, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """Skipping it would break the order of its key; waiting for it would stop the platform."""

    def refuse(entry: OutgoingRecord) -> RecordTooLarge | None:
        return RecordTooLarge("too large") if entry.value == b"huge" else None

    producer.refuse = refuse
    await add(connection, schema, record("a1", key="a"), record("huge", key="a"), record("a3", key="a"))
    await add(connection, schema, *(record(f"b{number}", key="b") for number in range(4)))
    await add(connection, schema, record("a-other", key="a", topic="readmit.other.v1"))
    async with running(relays.make(producer, page_records=2, backoff_s=LIMIT_S)) as relay:
        await until(lambda: relay.published == 6)
        await add(connection, schema, record("b4", key="b"))
        await until(lambda: relay.published == 7)
        assert relay.refused >= 1
    assert set(values(producer)) == {"a1", "b0", "b1", "b2", "b3", "a-other", "b4"}
    assert await waiting(connection, schema) == ["huge", "a3"]


async def test_an_unknown_delivery_is_tried_again_before_its_followers(
    connection: DirectConnection, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """Whether the broker has it or not, the next record of the key waits."""
    times = 0

    def refuse(entry: OutgoingRecord) -> Transient | None:
        nonlocal times
        if entry.value != b"two" or times == 3:
            return None
        times += 1
        return DeliveryUnknown("no answer")

    producer.refuse = refuse
    producer.store_unknown = True
    await add(connection, schema, record("one"), record("two"), record("three"))
    async with running(relays.make(producer)) as relay:
        await until(lambda: relay.published == 3)
    assert values(producer) == ["one", "two", "two", "two", "two", "three"]


async def test_an_outage_of_the_broker_is_waited_out(
    connection: DirectConnection, schema: str, relays: Relays, broker: FakeBroker, producer: FakeProducer
) -> None:
    """The outbox is there to bridge it."""
    broker.away = True
    await add(connection, schema, record("one"))
    async with running(relays.make(producer)):
        await asyncio.sleep(10 * POLL_S)
        assert await waiting(connection, schema) == ["one"]
        assert await outbox.oldest_age_s(connection, schema) > 0
        broker.away = False
        await until(lambda: values(producer) == ["one"])
    assert await outbox.oldest_age_s(connection, schema) == 0.0


async def test_a_woken_relay_does_not_wait_for_its_poll(
    connection: DirectConnection, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """An event should be on its way milliseconds after its commit."""
    async with running(relays.make(producer, poll_s=LIMIT_S)) as relay:
        await until(lambda: relay.leading)
        await add(connection, schema, record("one"))
        relay.wake()
        await until(lambda: values(producer) == ["one"])


async def test_a_stop_ends_the_relay_and_frees_the_lock(
    connection: DirectConnection, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """A rollout must not leave the outbox to nobody until a timeout."""
    async with running(relays.make(producer, poll_s=LIMIT_S)) as relay:
        await until(lambda: relay.leading)

    async def is_free() -> bool:
        return not await has_leader(connection, schema)

    await until(is_free)
    assert not relay.leading


async def test_two_owners_relays_do_not_meet(
    connection: DirectConnection, schema: str, relays: Relays, database_settings: PostgresSettings, broker: FakeBroker
) -> None:
    """Each outbox has its own lock: the trainer's must not wait for the ingestor's."""
    second = f"{schema}_2"
    await create_owner_schema(connection, second)
    ours, theirs = FakeProducer(broker), FakeProducer(broker)
    await add(connection, schema, record("ours"))
    await add(connection, second, record("theirs"))
    async with running(relays.make(ours)), running(Relays(second, database_settings).make(theirs)):
        await until(lambda: values(ours) == ["ours"] and values(theirs) == ["theirs"])
    await connection.execute(f"DROP SCHEMA {second} CASCADE")
