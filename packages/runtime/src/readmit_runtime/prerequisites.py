"""Hold a service's work back until what it cannot do without is there, and say what is missing.

A process that ends for lack of something is started again and again, and its reason drowns. This one waits instead, is
alive and not ready meanwhile, and goes on by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog

from readmit_runtime.http import Check
from readmit_runtime.lifecycle import Loop, pause
from readmit_runtime.logs import describe

EVERY_S = 2.0

log = structlog.get_logger(__name__)


class Prerequisites:
    """Named checks, each repeated until it has passed once."""

    def __init__(self, checks: Mapping[str, Check], *, beat: Callable[[], None], every_s: float = EVERY_S) -> None:
        """Take the checks; `beat` is called at each look, so that a process that waits counts as alive."""
        self._checks = checks
        self._beat = beat
        self._every_s = every_s
        self._missing = dict.fromkeys(checks, "not looked for yet")
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
        while self._missing and not stop.is_set():
            self._beat()
            for name in list(self._missing):
                await self._ask(name)
            if self._missing:
                await pause(self._every_s, stop)
        if not self._missing:
            self._there.set()
            await stop.wait()

    async def _ask(self, name: str) -> None:
        try:
            await self._checks[name]()
        except Exception as error:  # noqa: BLE001 - whatever it is: without it there is no work to do
            missing = describe(error)
            if self._missing[name] != missing:
                log.error("prerequisite_missing", prerequisite=name, detail=missing)  # noqa: TRY400 - no frames
                self._missing[name] = missing
        else:
            del self._missing[name]

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
