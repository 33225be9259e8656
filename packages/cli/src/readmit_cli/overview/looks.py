"""Look at everything at the same time, so that a part that is silent holds up no other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from readmit_contracts.topics import EVERY_TOPIC
from readmit_runtime.clock import Clock
from readmit_runtime.lag_reader import LagReader

from readmit_cli import sessions
from readmit_cli.connection_settings import Connections
from readmit_cli.overview import alerts, overview
from readmit_cli.overview.alerts import Alert
from readmit_cli.overview.feed import Connect, Feed
from readmit_cli.overview.overview import Overview, StoreOverview
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.prerequisites import Check
from readmit_cli.stack.running_parts import check_running_parts
from readmit_cli.stack.stack import Stack
from readmit_cli.topic_views import lag_view
from readmit_cli.topic_views.lag_view import LagRow

Show = Callable[[Overview], None]
"""Shows the system as it was seen last."""


class Looks:
    """The looks at the parts of the local stack, at the database, at Kafka and at Prometheus' alerts."""

    def __init__(
        self,
        parts: Connect[tuple[Check, ...]],
        store: Connect[StoreOverview],
        lag: Connect[tuple[LagRow, ...]],
        firing: Connect[tuple[Alert, ...]],
        clock: Clock,
    ) -> None:
        self._parts = Feed(parts)
        self._store = Feed(store)
        self._lag = Feed(lag)
        self._alerts = Feed(firing)
        self._feeds = (self._parts, self._store, self._lag, self._alerts)
        self._clock = clock

    @classmethod
    def over(cls, connections: Connections, clock: Clock) -> "Looks":
        """Return the looks at what the connections lead to; each is found anew when it is opened."""
        return cls(
            lambda: _parts(connections),
            lambda: _store(connections),
            lambda: _lag(connections),
            lambda: alerts.firing(connections.prometheus()),
            clock,
        )

    async def once(self) -> Overview:
        """Look once."""
        await asyncio.gather(*(feed.look() for feed in self._feeds))
        return self._seen()

    async def follow(self, show: Show, *, interval_s: float) -> None:
        """Show what was seen last every `interval_s` seconds until cancelled, first when everything was looked at."""
        following = (feed.follow(interval_s, self._clock) for feed in self._feeds)
        await asyncio.gather(self._tick(show, interval_s), *following)

    async def _tick(self, show: Show, interval_s: float) -> None:
        for feed in self._feeds:
            await feed.looked()
        while True:
            show(self._seen())
            await self._clock.sleep(interval_s)

    def _seen(self) -> Overview:
        silent = (Check("stack", "failed", self._parts.away),) if self._parts.away else ()
        return Overview(
            at=self._clock.now(),
            parts=self._parts.found or silent,
            store=self._store.found,
            unreachable=self._store.away,
            lag=self._lag.found,
            lag_unreachable=self._lag.away,
            alerts=self._alerts.found,
            alerts_unreachable=self._alerts.away,
        )


@asynccontextmanager
async def _parts(connections: Connections) -> AsyncIterator[Callable[[], Awaitable[tuple[Check, ...]]]]:
    async def read() -> tuple[Check, ...]:
        return await asyncio.to_thread(_checks) if connections.local else ()

    yield read


def _checks() -> tuple[Check, ...]:
    try:
        return tuple(check_running_parts(Stack.find()))
    except StackError as error:
        return (Check("stack", "failed", str(error)),)


@asynccontextmanager
async def _store(connections: Connections) -> AsyncIterator[Callable[[], Awaitable[StoreOverview]]]:
    async with sessions.views(connections.reader()) as (store, models):
        yield lambda: overview.gather(store, models)


@asynccontextmanager
async def _lag(connections: Connections) -> AsyncIterator[Callable[[], Awaitable[tuple[LagRow, ...]]]]:
    topics = [topic.name for topic in EVERY_TOPIC]
    async with LagReader.connect(connections.kafka(), topics, client_id=sessions.CLIENT_ID) as reader:

        async def read() -> tuple[LagRow, ...]:
            return tuple(lag_view.rows(await reader.read()))

        yield read
