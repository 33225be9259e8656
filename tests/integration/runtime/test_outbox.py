"""What a transaction put into the outbox is published as it was, in the order of commits, and nothing else is."""

import asyncio
import random
from collections import defaultdict
from uuid import UUID, uuid4

import pytest
from readmit_runtime import outbox
from readmit_runtime.database import DirectConnection, Pool
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.testing.fake_producer import FakeProducer
from support.outbox_rig import (
    POLL_S,
    TOPIC,
    Relays,
    add,
    record,
    running,
    until,
    values,
    waiting,
)


async def test_a_record_arrives_as_it_was_added(
    connection: DirectConnection, schema: str, relays: Relays, producer: FakeProducer
) -> None:
    """Key, value, headers and their order are part of the contract; a value of None is a tombstone."""
    given = [
        OutgoingRecord(TOPIC, b"\x00k", "ä".encode(), (("a", b"\xff"), ("b", b""), ("a", b"2"), ("ce_time", b"1"))),
        OutgoingRecord(TOPIC, b"", None, (("readmit_dlq_reason", b"DECODE"),)),
    ]
    await add(connection, schema, *given)
    async with running(relays.make(producer)) as relay:
        await until(lambda: len(producer.published) == 2)
        await until(lambda: relay.published == 2)
    assert producer.published == given
    assert await waiting(connection, schema) == []


async def test_an_event_has_the_time_of_its_transaction_however_often_it_is_published(
    connection: DirectConnection, schema: str
) -> None:
    """A reader asks when it happened, not when the relay came by."""
    await add(connection, schema, record("first"))
    first, again = [await outbox.waiting(connection, schema, after=0, limit=9) for _ in range(2)]
    created = await connection.fetchval(f"SELECT created_at FROM {schema}.outbox")
    assert first[0].record.headers[-1] == ("ce_time", created.isoformat().encode())
    assert first == again


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
