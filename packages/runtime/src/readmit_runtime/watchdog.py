"""End the process when it lives and does nothing, so that its supervisor starts a fresh one.

Two faults are known that no error shows: an event loop that a call blocks, and a consumer whose client lost its
group or its fetches for good. The first is seen from a thread. For the second, three things must hold for
`stuck_s`: records wait in a partition that is this process's to read, nobody commits in it, and the dependencies
answer. While Kafka or a dependency is away the verdict waits: a restart would heal nothing.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

import structlog
from pydantic import Field

from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.errors import Transient
from readmit_runtime.group_lag import PartitionLag
from readmit_runtime.lifecycle import EXIT_STUCK, pause
from readmit_runtime.logs import describe
from readmit_runtime.messages import Partition
from readmit_runtime.settings import SettingsGroup

Lag = Callable[[], Awaitable[Sequence[PartitionLag]]]
Held = Callable[[], Collection[Partition]]
Probe = Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)


class WatchdogSettings(SettingsGroup):
    """How long nothing may happen."""

    stuck_s: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="Waiting records without a commit this long end the process; keep it above the slowest handler.",
    )
    blocked_s: float = Field(30.0, gt=0, le=3600, description="An event loop that stands this long ends the process.")
    check_s: float = Field(10.0, gt=0, le=60, description="Time between two looks, and the limit of each.")


@dataclass(slots=True)
class _Standstill:
    committed: int | None
    since: float


class Watchdog:
    """Watches one process; `run` is one of its loops.

    `lag` reads the group's lag over a connection of its own; `held` names the partitions held, and when it is
    empty every partition of the group counts, for a member without partitions may be one that dropped out;
    `probe` raises Transient while a dependency of the handler is away. A process without a consumer passes none
    of the three, and only its event loop is watched. `end` ends the process with an exit code, at once.
    """

    def __init__(
        self,
        settings: WatchdogSettings,
        *,
        lag: Lag | None = None,
        held: Held = tuple,
        probe: Probe | None = None,
        clock: Clock | None = None,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._settings = settings
        self._lag = lag
        self._held = held
        self._probe = probe
        self._clock = clock or SystemClock()
        self._end = end
        self._turns = 0
        self._looked = self._clock.monotonic()
        self._still: dict[Partition, _Standstill] = {}

    @property
    def standstill_s(self) -> float:
        """Return since how long records wait in a partition without a commit, seen at looks; 0 when none waits so."""
        now = self._clock.monotonic()
        return max((now - still.since for still in self._still.values()), default=0.0)

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set."""
        done = threading.Event()
        thread = threading.Thread(target=self._watch_event_loop, args=(done,), name="watchdog", daemon=True)
        thread.start()
        turning = asyncio.create_task(self._turn())
        try:
            while not stop.is_set():
                await pause(self._settings.check_s, stop)
                await self.look()
        finally:
            turning.cancel()
            done.set()

    async def look(self) -> None:
        """Take one look at the group's progress, and end the process if it stands still without a reason."""
        if self._lag is None:
            return
        try:
            async with asyncio.timeout(self._settings.check_s):
                stuck = self._stuck(await self._lag())
                if self._still and self._probe is not None:
                    await self._probe()
        except (Transient, TimeoutError) as error:
            # whoever is away is the reason; the time before counts for nothing
            self._still.clear()
            log.info("watchdog_waits", reason=describe(error))
            return
        if stuck:
            self._give_up("consumer_stuck", partitions=[str(partition) for partition in stuck])

    def _stuck(self, lags: Sequence[PartitionLag]) -> list[Partition]:
        now = self._clock.monotonic()
        if now - self._looked > self._settings.check_s * 4:
            self._still.clear()  # the process itself was suspended; it gets its time from here
        self._looked = now
        held = self._held()
        waiting = {lag.partition: lag for lag in lags if lag.waiting > 0 and (not held or lag.partition in held)}
        self._still = {
            partition: self._still[partition]
            if partition in self._still and self._still[partition].committed == lag.committed
            else _Standstill(lag.committed, now)
            for partition, lag in waiting.items()
        }
        return [partition for partition, still in self._still.items() if now - still.since >= self._settings.stuck_s]

    async def _turn(self) -> None:
        while True:
            self._turns += 1
            await asyncio.sleep(self._settings.blocked_s / 8)

    def _watch_event_loop(self, done: threading.Event) -> None:
        # counts its own waits instead of reading a clock: while the process is suspended neither goes on
        pause_s = self._settings.blocked_s / 4
        seen, stood_s = self._turns, 0.0
        while not done.wait(pause_s):
            stood_s = stood_s + pause_s if self._turns == seen else 0.0
            seen = self._turns
            if stood_s >= self._settings.blocked_s:
                self._give_up("event_loop_blocked", stood_s=round(stood_s, 1))
                return

    def _give_up(self, what: str, **fields: object) -> None:
        log.critical(what, exit_code=EXIT_STUCK, **fields)
        self._end(EXIT_STUCK)
