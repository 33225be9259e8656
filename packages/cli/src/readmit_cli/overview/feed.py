"""Look at one part of the system, and keep what the last look found, or why it found nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Generic, TypeVar

from readmit_runtime.clock import Clock

from readmit_cli.failures import CommandFailed, expected

LOOK_LIMIT_S = 20.0  # above those of one connection and one request, which name their reason

_Found = TypeVar("_Found")

Connect = Callable[[], AbstractAsyncContextManager[Callable[[], Awaitable[_Found]]]]
"""Opens the way to a part for the length of a block, and gives the call that looks."""


class Feed(Generic[_Found]):
    """Looks at a part; `found` is None before the first look and while the part is away, `away` then says why."""

    def __init__(self, connect: Connect[_Found], *, limit_s: float = LOOK_LIMIT_S) -> None:
        self._connect = connect
        self._limit_s = limit_s
        self._looked = asyncio.Event()
        self.found: _Found | None = None
        self.away: str | None = None

    async def look(self) -> None:
        """Look once."""
        with self._kept():
            async with asyncio.timeout(self._limit_s), self._connect() as read:
                self._keep(await read(), None)

    async def follow(self, interval_s: float, clock: Clock) -> None:
        """Look every `interval_s` seconds until cancelled; connect anew after a look that failed."""
        while True:
            await self._look_on(interval_s, clock)
            await clock.sleep(interval_s)

    async def _look_on(self, interval_s: float, clock: Clock) -> None:
        """Look again and again, and return after a look that failed."""
        with self._kept():
            async with asyncio.timeout(self._limit_s) as limit, self._connect() as read:
                while True:
                    self._keep(await read(), None)
                    limit.reschedule(None)
                    await clock.sleep(interval_s)
                    limit.reschedule(asyncio.get_running_loop().time() + self._limit_s)

    async def looked(self) -> None:
        """Return after the first look, whatever it found."""
        await self._looked.wait()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            with expected():
                yield
        except CommandFailed as failure:
            self._keep(None, str(failure))
        except TimeoutError:
            self._keep(None, f"No answer within {self._limit_s:g} s. `make up` starts what does not run.")

    def _keep(self, found: _Found | None, away: str | None) -> None:
        self.found, self.away = found, away
        self._looked.set()
