"""Fixtures of the runtime's tests against real servers."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from readmit_runtime.database import DirectConnection, Pool, connect, create_pool
from readmit_runtime.settings import PostgresSettings
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer
from support.outbox_rig import OTHER_TOPIC, TOPIC, Relays
from support.owner_schema import create_owner_schema


@pytest.fixture
async def connection(database_settings: PostgresSettings) -> AsyncIterator[DirectConnection]:
    """Give one connection."""
    connection = await connect(database_settings)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def pool(database_settings: PostgresSettings) -> AsyncIterator[Pool]:
    """Give a pool with room for writers that wait for each other."""
    async with create_pool(database_settings.model_copy(update={"pool_max": 10})) as pool:
        yield pool


@pytest.fixture
async def schema(connection: DirectConnection) -> AsyncIterator[str]:
    """Give an owner's schema that no other test knows."""
    name = f"owner_{uuid4().hex}"
    await create_owner_schema(connection, name)
    yield name
    await connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def broker() -> FakeBroker:
    """Give a broker with the topics of these tests."""
    broker = FakeBroker()
    for topic in (TOPIC, OTHER_TOPIC):
        broker.create_topic(topic, partitions=3)
    return broker


@pytest.fixture
def producer(broker: FakeBroker) -> FakeProducer:
    """Give a producer on that broker."""
    return FakeProducer(broker)


@pytest.fixture
def relays(schema: str, database_settings: PostgresSettings) -> Relays:
    """Give the maker of relays for the test's outbox."""
    return Relays(schema, database_settings)
