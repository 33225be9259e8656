"""Look at the lag of all groups again and again, and serve what the last look found."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry
from readmit_contracts.topics import EVERY_TOPIC
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.deadline import Deadline
from readmit_runtime.errors import Transient
from readmit_runtime.group_lag import LagReport
from readmit_runtime.heartbeat import Heartbeat
from readmit_runtime.http import HttpServer, health_app, health_routes
from readmit_runtime.kafka_errors import missing_right
from readmit_runtime.lag_reader import READ_LIMIT_S, LagReader
from readmit_runtime.lifecycle import pause, run_loops
from readmit_runtime.logs import describe
from readmit_runtime.settings import KafkaSettings

from readmit_cli.lag_exporter.metrics import LagMetrics
from readmit_cli.lag_exporter.settings import LagExporterSettings

CLIENT_ID = "readmit-lag-exporter"

log = structlog.get_logger(__name__)


class Reader(Protocol):
    """What is asked of Kafka."""

    async def read(self) -> LagReport:
        """Return what holds now; raises Transient."""
        ...


Connect = Callable[[], AbstractAsyncContextManager[Reader]]


class Looks:
    """Looks every `interval_s` seconds; connects anew after a look that failed.

    Figures that could not be renewed for `withdraw_s` seconds are withdrawn. Its heartbeat is the process's liveness.
    """

    def __init__(
        self, connect: Connect, metrics: LagMetrics, *, interval_s: float, withdraw_s: float, clock: Clock
    ) -> None:
        self._connect = connect
        self._metrics = metrics
        self._interval_s = interval_s
        self._withdraw_s = withdraw_s
        self._clock = clock
        self._fresh: Deadline | None = None
        self.heartbeat = Heartbeat(3 * READ_LIMIT_S + interval_s, clock=clock)

    async def run(self, stop: asyncio.Event) -> None:
        """Look until told to stop; a look that is under way is given up then, for a broker may be silent for long."""
        looking = asyncio.create_task(self._run(stop), name="looks")
        stopping = asyncio.create_task(stop.wait(), name="looks' end")
        try:
            await asyncio.wait({looking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if looking.done():
                await looking
        finally:
            for task in (looking, stopping):
                task.cancel()
            await asyncio.wait({looking, stopping})

    async def _run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.heartbeat.beat()
            try:
                async with self._connect() as reader:
                    while not stop.is_set():
                        await self._look(reader)
                        await pause(self._interval_s, stop)
            except Exception as error:
                right = missing_right(error)  # somebody may grant it; until then its name is to be found
                if right is None and not isinstance(error, Transient):
                    raise
                log.warning("look_failed", reason=f"this login lacks the right {right}" if right else describe(error))
                self._metrics.failed()
                if self._fresh is None or self._fresh.expired:
                    self._metrics.withdraw()
                await pause(self._interval_s, stop)

    async def _look(self, reader: Reader) -> None:
        self.heartbeat.beat()
        begun = self._clock.monotonic()
        report = await reader.read()
        took_s = self._clock.monotonic() - begun
        self._metrics.observe(report, at=self._clock.now().timestamp(), duration_s=took_s)
        self._fresh = Deadline.after(self._withdraw_s, self._clock)

    async def fresh(self) -> None:
        """Return while there are figures; raise Transient otherwise."""
        if self._fresh is None or self._fresh.expired:
            raise Transient("there was no look that succeeded")


async def serve(settings: LagExporterSettings, kafka: KafkaSettings, stop: asyncio.Event) -> None:
    """Look and serve until `stop` is set."""
    registry = CollectorRegistry()
    topics = [topic.name for topic in EVERY_TOPIC]
    looks = Looks(
        lambda: LagReader.connect(kafka, topics, client_id=CLIENT_ID),
        LagMetrics(registry),
        interval_s=settings.interval_s,
        withdraw_s=settings.withdraw_s,
        clock=SystemClock(),
    )
    routes = health_routes(alive=looks.heartbeat.alive, checks={"kafka": looks.fresh}, registry=registry)
    server = HttpServer(health_app(routes), settings.http)
    await run_loops({"looks": looks.run, "http": server.run}, stop, shutdown_s=settings.shutdown_s)
