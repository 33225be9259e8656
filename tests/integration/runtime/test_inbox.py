"""A command acts once, whoever receives it how often."""

import asyncio
from uuid import UUID, uuid4

import pytest
from readmit_runtime import inbox
from readmit_runtime.database import Connection, DirectConnection, Pool
from readmit_runtime.inbox import Receipt

VALUE = b'{"reason":"one"}'


async def receive(connection: Connection, schema: str, command_id: UUID, value: bytes = VALUE) -> Receipt:
    """Receive a command as one consumer."""
    return await inbox.receive(
        connection,
        schema,
        consumer="trainer",
        command_id=command_id,
        command_type="readmit.TrainModel.v1",
        value=value,
    )


async def test_a_command_is_new_once(connection: DirectConnection, schema: str) -> None:
    """Kafka delivers at least once, Airflow repeats what it is not sure of."""
    command_id = uuid4()
    assert await receive(connection, schema, command_id) is Receipt.NEW
    assert await receive(connection, schema, command_id) is Receipt.REPEATED
    assert await receive(connection, schema, uuid4()) is Receipt.NEW


async def test_the_same_id_with_other_bytes_is_a_conflict(connection: DirectConnection, schema: str) -> None:
    """Answering the second with the first one's result would be a lie."""
    command_id = uuid4()
    await receive(connection, schema, command_id)
    assert await receive(connection, schema, command_id, b'{"reason":"two"}') is Receipt.CONFLICT
    assert await receive(connection, schema, command_id) is Receipt.REPEATED


async def test_the_same_id_and_bytes_as_another_type_is_a_conflict(connection: DirectConnection, schema: str) -> None:
    """What a command asks for is its type and its bytes: a cancel is no repeat of a resume."""
    command_id = uuid4()
    await receive(connection, schema, command_id)
    receipt = await inbox.receive(
        connection, schema, consumer="trainer", command_id=command_id, command_type="readmit.Other.v1", value=VALUE
    )
    assert receipt is Receipt.CONFLICT


async def test_each_consumer_has_its_own_inbox(connection: DirectConnection, schema: str) -> None:
    """Two services may listen to one command."""
    command_id = uuid4()
    await receive(connection, schema, command_id)
    receipt = await inbox.receive(
        connection, schema, consumer="other", command_id=command_id, command_type="readmit.TrainModel.v1", value=VALUE
    )
    assert receipt is Receipt.NEW


async def test_concurrent_duplicates_act_once(pool: Pool, schema: str) -> None:
    """Two consumers on one partition is what a rebalance may leave for a moment."""
    command_id = uuid4()
    acted: list[int] = []

    async def handle(number: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            if await receive(connection, schema, command_id) is Receipt.NEW:
                await asyncio.sleep(0.05)
                acted.append(number)

    await asyncio.gather(*(handle(number) for number in range(8)))
    assert len(acted) == 1


async def test_a_duplicate_acts_when_the_first_is_rolled_back(pool: Pool, schema: str) -> None:
    """What did not commit did not happen, and the repeat must do it."""
    command_id = uuid4()
    received = asyncio.Event()

    async def fail() -> None:
        async with pool.acquire() as connection, connection.transaction():
            assert await receive(connection, schema, command_id) is Receipt.NEW
            received.set()
            await asyncio.sleep(0.1)
            raise LookupError("crash")

    async def repeat() -> Receipt:
        await received.wait()
        async with pool.acquire() as connection, connection.transaction():
            return await receive(connection, schema, command_id)

    ends = await asyncio.gather(fail(), repeat(), return_exceptions=True)
    assert isinstance(ends[0], LookupError)
    assert ends[1] is Receipt.NEW


async def test_what_became_of_a_command_can_be_read(connection: DirectConnection, schema: str) -> None:
    """Airflow waits for the effect by this row."""
    command_id = uuid4()
    await receive(connection, schema, command_id)
    row = await connection.fetchrow(f"SELECT * FROM {schema}.inbox WHERE command_id = $1", command_id)
    assert row is not None
    assert row["outcome"] == "accepted"

    await inbox.settle(
        connection,
        schema,
        consumer="trainer",
        command_id=command_id,
        outcome="rejected",
        reason="REFUSED",
        detail="The store is empty.",
        subject="job 7",
    )
    row = await connection.fetchrow(f"SELECT * FROM {schema}.inbox WHERE command_id = $1", command_id)
    assert row is not None
    assert [row[name] for name in ("outcome", "reason", "detail", "subject")] == [
        "rejected",
        "REFUSED",
        "The store is empty.",
        "job 7",
    ]


async def test_settling_a_command_that_was_never_received_is_an_error(
    connection: DirectConnection, schema: str
) -> None:
    """A consumer with a misspelt name would otherwise leave its commands open for ever."""
    with pytest.raises(LookupError, match="receive it first"):
        await inbox.settle(connection, schema, consumer="trainr", command_id=uuid4(), outcome="applied")
