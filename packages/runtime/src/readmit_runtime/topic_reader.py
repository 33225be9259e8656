"""Read a whole topic from its beginning, without a group: every process sees every record."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.deadline import Deadline
from readmit_runtime.errors import Transient
from readmit_runtime.logs import describe
from readmit_runtime.messages import IncomingRecord

READ_S = 0.5

Apply = Callable[[IncomingRecord], Awaitable[None]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Since:
    """Begin in each partition at its first record of this moment or later, in milliseconds since 1970."""

    time_ms: int


@dataclass(frozen=True, slots=True)
class LastOffsets:
    """Begin in each partition so many offsets before its end."""

    count: int


@dataclass(frozen=True, slots=True)
class FromOffset:
    """Begin in one partition at an offset that lies within it, in the others with what comes."""

    partition: int
    offset: int


Start = Since | LastOffsets | FromOffset
"""Where a reader begins that does not begin at the oldest record."""


class TopicReader(Protocol):
    """Hands a topic's records out in the order of their partitions; meant for topics that are compacted."""

    @property
    def caught_up(self) -> bool:
        """Tell whether all that stood in the topic at the start was handed out."""
        ...

    async def start(self) -> None:
        """Connect and note where the topic ends now; raises Transient, and may then be repeated."""
        ...

    async def read(self, timeout_s: float) -> Sequence[IncomingRecord]:
        """Return the next records at once, or wait for some; raises Transient."""
        ...

    async def stop(self) -> None:
        """Disconnect, in bounded time; may be called twice."""
        ...


async def read_to_end(reader: TopicReader, *, limit_s: float, clock: Clock | None = None) -> list[IncomingRecord]:
    """Return all records up to the end as of now and stop the reader; raises Transient past the limit."""
    deadline = Deadline.after(limit_s, clock or SystemClock())
    records: list[IncomingRecord] = []
    try:
        await reader.start()
        while not reader.caught_up:
            if deadline.expired:
                raise Transient(f"The topic's end was not reached within {limit_s:g} s; it is tried again.")
            records.extend(await reader.read(min(READ_S, deadline.remaining())))
    finally:
        await reader.stop()
    return records


async def follow(
    reader: TopicReader,
    apply: Apply,
    stop: asyncio.Event,
    *,
    backoff: Backoff | None = None,
    clock: Clock | None = None,
) -> None:
    """Apply each record of the topic, in order, and then each new one, until `stop` is set.

    While Kafka is away, also at the start, it is tried again after a pause. What `apply` raises ends the loop: it
    must settle a bad record by itself, for there is no one to give it back to.
    """
    backoff, clock = backoff or Backoff(), clock or SystemClock()
    started = False
    try:
        while not stop.is_set():
            try:
                if not started:
                    await reader.start()
                    started = True
                records = await reader.read(READ_S)
            except Transient as error:
                wait_s = backoff.next_s()
                log.warning("reading_paused", reason=describe(error), wait_s=round(wait_s, 3))
                await _pause(wait_s, stop, clock)
                continue
            backoff.reset()
            for record in records:
                await apply(record)
    finally:
        await reader.stop()


async def _pause(seconds: float, stop: asyncio.Event, clock: Clock) -> None:
    deadline = Deadline.after(seconds, clock)
    while not stop.is_set() and not deadline.expired:
        await clock.sleep(min(READ_S, deadline.remaining()))
