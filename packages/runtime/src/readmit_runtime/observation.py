"""Look at a consuming service from within, every few seconds: what it waits for, and whether it still turns."""

import asyncio
from typing import Protocol

import structlog

from readmit_runtime import outbox
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.database import Pool, transient_errors
from readmit_runtime.errors import Transient
from readmit_runtime.heartbeat import Heartbeat
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe

EVERY_S = 5.0

log = structlog.get_logger(__name__)


class Gauges(Protocol):
    """What is told of each look: records that wait in Kafka, and the age of the oldest event not yet published."""

    def observe(self, *, behind: int, outbox_age_s: float) -> None:
        """Take the figures."""
        ...


class Observation:
    """Feeds the gauges; its heartbeat is the process's liveness, its other methods are checks of readiness."""

    def __init__(self, pool: Pool, schema: str, *consumers: ConsumerProgress, gauges: Gauges) -> None:
        """Take the owner of the outbox and the consumers to look at."""
        self._pool = pool
        self._schema = schema
        self._consumers = consumers
        self._gauges = gauges
        self.heartbeat = Heartbeat(6 * EVERY_S)

    async def run(self, stop: asyncio.Event) -> None:
        """Observe until told to stop."""
        while not stop.is_set():
            self.heartbeat.beat()
            try:
                with transient_errors():
                    async with self._pool.acquire() as connection:
                        age_s = await outbox.oldest_age_s(connection, self._schema)
                behind = sum(progress.behind for progress in self._consumers)
                self._gauges.observe(behind=behind, outbox_age_s=age_s)
            except Transient as error:
                log.warning("observation_put_off", reason=describe(error))
            await pause(EVERY_S, stop)

    async def consuming(self) -> None:
        """Return when every consumer has joined its group; raise Transient otherwise."""
        if not all(progress.started for progress in self._consumers):
            raise Transient("a consumer has not joined its group yet")

    async def postgres_answers(self) -> None:
        """Return when Postgres answers; raise Transient otherwise."""
        with transient_errors():
            await self._pool.fetchval("SELECT 1")
