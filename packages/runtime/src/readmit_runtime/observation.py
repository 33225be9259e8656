"""Look at a consuming service from within, every few seconds: what its tables say, and whether it still turns."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.database import Connection, Pool, answers, transient_errors
from readmit_runtime.errors import Transient
from readmit_runtime.heartbeat import Heartbeat
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe

EVERY_S = 5.0

Look = Callable[[Connection], Awaitable[None]]
"""Reads what the service tells of its tables, and notes it in the metrics."""

log = structlog.get_logger(__name__)


class Observation:
    """Takes the looks; its heartbeat is the process's liveness, its other methods are checks of readiness."""

    def __init__(self, pool: Pool, look: Look, *consumers: ConsumerProgress) -> None:
        """Take what to look at, and the consumers that have to join before the service is ready."""
        self._pool = pool
        self._look = look
        self._consumers = consumers
        self.heartbeat = Heartbeat(8 * EVERY_S)  # a look takes four at most, with the pause behind it five

    async def run(self, stop: asyncio.Event) -> None:
        """Observe until told to stop; while Postgres is away the metrics keep what they last had."""
        while not stop.is_set():
            self.heartbeat.beat()
            try:
                with transient_errors():
                    # A Postgres that is silent is no reason to end the process, as a heartbeat that stands still is.
                    # The pool's limit is for giving the connection back: it waits for what was cancelled on it.
                    async with asyncio.timeout(2 * EVERY_S), self._pool.acquire(timeout=2 * EVERY_S) as connection:
                        await self._look(connection)
            except Transient as error:
                log.warning("observation_put_off", reason=describe(error))
            await pause(EVERY_S, stop)

    async def consuming(self) -> None:
        """Return when every consumer has joined its group; raise Transient otherwise."""
        if not all(progress.started for progress in self._consumers):
            raise Transient("a consumer has not joined its group yet")

    async def postgres_answers(self) -> None:
        """Return when Postgres answers; raise Transient otherwise."""
        await answers(self._pool)
