"""Whatever dies when, the outbox is published at least once, per key in order, by one relay at a time."""

import asyncio

from readmit_runtime import outbox
from readmit_runtime.database import DirectConnection
from readmit_runtime.errors import Transient
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import DeliveryUnknown, RecordTooLarge
from readmit_runtime.settings import PostgresSettings
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer
from support.outbox_rig import (
    LIMIT_S,
    OTHER_TOPIC,
    POLL_S,
    DiesAfterPublishing,
    Relays,
    add,
    end_leader,
    has_leader,
    record,
    running,
    until,
    values,
    waiting,
)
from support.owner_schema import create_owner_schema


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
    await add(connection, schema, record("a-other", key="a", topic=OTHER_TOPIC))
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


async def test_a_commit_in_any_process_wakes_the_relay(
    connection: DirectConnection, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """An event should be on its way milliseconds after its commit."""
    async with running(relays.make(producer, poll_s=LIMIT_S)) as relay:
        await until(lambda: relay.leading)
        await add(connection, schema, record("one"))
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
