"""A consumer loop on a broker in memory, with a handler that fails or waits as told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from readmit_runtime.backoff import Backoff
from readmit_runtime.consumer import GroupConsumer, Handler
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.messages import IncomingRecord, OutgoingRecord, Partition
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_clock import FakeClock
from readmit_runtime.testing.fake_consumer import FakeConsumerClient

TOPIC = "readmit.test.v1"
P0, P1 = Partition(TOPIC, 0), Partition(TOPIC, 1)


async def eventually(holds: Callable[[], bool]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


class Store:
    """A handler that keeps what it was given, and fails or waits as told."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.failures: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.entered = 0

    async def __call__(self, records: Sequence[IncomingRecord]) -> None:
        """Handle one group."""
        self.entered += 1
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.groups.append([record.value or b"" for record in records])

    @property
    def values(self) -> list[bytes]:
        """Return all values handled, in order."""
        return [value for group in self.groups for value in group]


class Bench:
    """A broker with one topic of two partitions, and loops that read it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.broker = FakeBroker(self.clock)
        self.broker.create_topic(TOPIC, partitions=2)
        self.store = Store()
        self.progress = ConsumerProgress()
        self.client = FakeConsumerClient(self.broker, topics=[TOPIC])
        self.stop = asyncio.Event()

    def fill(self, *values: bytes, partition: int = 0) -> None:
        """Publish values to one partition."""
        for value in values:
            self.broker.append(OutgoingRecord(TOPIC, b"k", value), partition=partition)

    @property
    def committed(self) -> dict[Partition, int]:
        """Return what the group has committed."""
        return self.broker.group("group").committed

    def loop(self, handle: Handler | None = None, **settings: float) -> GroupConsumer:
        """Return a loop over this bench's client."""
        return GroupConsumer(
            self.client,
            handle or self.store,
            ConsumerSettings.model_validate(settings),
            progress=self.progress,
            clock=self.clock,
            backoff=Backoff(first_s=1.0, most_s=8.0, chance=lambda: 0.0),
        )

    @asynccontextmanager
    async def running(self, handle: Handler | None = None, **settings: float) -> AsyncIterator["asyncio.Task[None]"]:
        """Run a loop for the length of the block, then stop it in order."""
        task = asyncio.create_task(self.loop(handle, **settings).run(self.stop))
        try:
            yield task
            self.stop.set()
            async with asyncio.timeout(5):
                await task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
