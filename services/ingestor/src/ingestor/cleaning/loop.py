"""Clean batches as they are stored, and look again every so often for what a crash left behind."""

import asyncio
from collections.abc import Callable

import structlog
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.database import Pool, transient_errors
from readmit_runtime.deadline import Deadline
from readmit_runtime.errors import Transient
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe

from ingestor.cleaning import store
from ingestor.cleaning.store import CleanedBatch

QUIET_S = 0.25
STAND_BACK_S = 5.0

log = structlog.get_logger(__name__)


class Cleaner:
    """Cleans what is stored when woken, and every `sweep_s` seconds without being woken.

    While groups of chunks are being stored, cleaning leaves them the cores and the disk: it begins when none came for
    `QUIET_S`, or after `STAND_BACK_S`. `on_cleaned` is told of each batch after its commit, and the
    seconds that took.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        sweep_s: float,
        on_cleaned: Callable[[CleanedBatch, float], None],
        clock: Clock | None = None,
    ) -> None:
        self._pool = pool
        self._sweep_s = sweep_s
        self._on_cleaned = on_cleaned
        self._clock = clock or SystemClock()
        self._last_group = -QUIET_S
        self._woken = asyncio.Event()

    def group_stored(self, *, batches_stored: int) -> None:
        """Say that a group of chunks was stored, and how many batches that made full."""
        self._last_group = self._clock.monotonic()
        if batches_stored:
            self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Clean until told to stop; a batch in hand is finished first."""
        while not stop.is_set():
            self._woken.clear()
            await self._stand_back(stop)
            try:
                with transient_errors():
                    await self._sweep(stop)
            except Transient as error:
                log.warning("cleaning_put_off", reason=describe(error), again_in_s=self._sweep_s)
            await pause(self._sweep_s, stop, self._woken)

    async def _stand_back(self, stop: asyncio.Event) -> None:
        deadline = Deadline.after(STAND_BACK_S, self._clock)
        while not stop.is_set() and not deadline.expired:
            quiet_s = self._clock.monotonic() - self._last_group
            if quiet_s >= QUIET_S:
                return
            await pause(QUIET_S - quiet_s, stop)

    async def _sweep(self, stop: asyncio.Event) -> None:
        async with self._pool.acquire() as connection:
            while not stop.is_set():
                began = self._clock.monotonic()
                cleaned = await store.clean_next(connection)
                if cleaned is None:
                    break
                log.info(
                    "batch_failed" if cleaned.failed else "batch_cleaned",
                    split=cleaned.batch.split,
                    batch=cleaned.batch.batch,
                    rows=cleaned.rows,
                    moved_to_quarantine=cleaned.moved,
                    runs_completed=cleaned.runs_completed,
                )
                self._on_cleaned(cleaned, self._clock.monotonic() - began)
            missed = await store.complete_waiting_runs(connection)
            if missed:
                log.warning("runs_completed_late", runs=missed)
