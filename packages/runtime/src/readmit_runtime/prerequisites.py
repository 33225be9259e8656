"""Hold a service's work back until what it cannot do without is there, and say what is missing.

A process that ends for lack of something is started again and again, and its reason drowns. This one waits instead, is
alive and not ready meanwhile, and goes on by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import structlog

from readmit_runtime.http import Check
from readmit_runtime.lifecycle import Loop, pause
from readmit_runtime.logs import describe

EVERY_S = 2.0
CHECK_S = 5.0  # of one check: a server that is silent must not make the process seem dead

log = structlog.get_logger(__name__)


class Prerequisites:
    """Named checks, each repeated until it has passed once."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        beat: Callable[[], None],
        every_s: float = EVERY_S,
        check_s: float = CHECK_S,
    ) -> None:
        """Take the checks; `beat` is called before each, so that a process that waits counts as alive."""
        self._checks = checks
        self._beat = beat
        self._every_s = every_s
        self._check_s = check_s
        self._missing = dict.fromkeys(checks, "not looked for yet")
        self._under_way: dict[str, asyncio.Future[None]] = {}
        self._there = asyncio.Event()

    def before(self, loops: Mapping[str, Loop]) -> dict[str, Loop]:
        """Return loops that wait until everything is there, and the one that looks for it."""
        return {"prerequisites": self._look, **{name: partial(self._after, loop) for name, loop in loops.items()}}

    def readiness(self) -> dict[str, Check]:
        """Return a check of readiness for each; it raises what was missing at the last look."""
        return {name: partial(self._tell, name) for name in self._checks}

    async def _tell(self, name: str) -> None:
        if name in self._missing:
            raise PrerequisiteMissing(self._missing[name])

    async def _look(self, stop: asyncio.Event) -> None:
        try:
            while self._missing and not stop.is_set():
                for name in list(self._missing):
                    self._beat()
                    await self._ask(name, stop)
                if self._missing:
                    await pause(self._every_s, stop)
        finally:
            for asked in self._under_way.values():
                asked.cancel()
        if not self._missing:
            self._there.set()
            await stop.wait()

    async def _ask(self, name: str, stop: asyncio.Event) -> None:
        asked = self._under_way.get(name) or asyncio.ensure_future(self._checks[name]())
        stopped = asyncio.create_task(stop.wait())
        either: set[asyncio.Future[Any]] = {asked, stopped}
        try:
            await asyncio.wait(either, timeout=self._check_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            self._under_way[name] = asked  # one that works in a thread could not be ended: it is waited for again
        if not asked.done():
            if not stop.is_set():
                self._lack(name, f"no answer in {self._check_s:g} s")
            return
        del self._under_way[name]
        error = asked.exception()  # whatever it is: without it there is no work to do
        if error is None:
            del self._missing[name]
        else:
            self._lack(name, describe(error))

    def _lack(self, name: str, missing: str) -> None:
        if self._missing[name] != missing:
            log.error("prerequisite_missing", prerequisite=name, detail=missing)
            self._missing[name] = missing

    async def _after(self, loop: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
        there, stopped = (asyncio.create_task(event.wait()) for event in (self._there, stop))
        try:
            await asyncio.wait({there, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.cancel()
            stopped.cancel()
        if not stop.is_set():
            await loop(stop)


class PrerequisiteMissing(Exception):
    """What the service needs is not there; the text says what, and what to do."""
