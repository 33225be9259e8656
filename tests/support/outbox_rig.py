"""Fill an outbox, run its relays, and see what becomes of both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from readmit_runtime import outbox
from readmit_runtime.backoff import Backoff
from readmit_runtime.database import Connection, DirectConnection
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.outbox_relay import OutboxRelay
from readmit_runtime.producer import Outcome
from readmit_runtime.settings import PostgresSettings
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer

TOPIC = "readmit.example.v1"
OTHER_TOPIC = "readmit.other.v1"
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
