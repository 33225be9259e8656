"""Delete predictions when their time is over: inputs first, then predictions, then what the ledger need not know."""

import asyncio
from collections.abc import Callable

import structlog
from readmit_runtime.database import Pool, transient_errors
from readmit_runtime.errors import Transient
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe

from ingestor.predictions.retention_store import LEDGER_DAYS, TABLES, delete_some
from ingestor.settings import RetentionSettings

BREATH_S = 0.05  # between two steps, for whoever waits for the disk

log = structlog.get_logger(__name__)


class Retention:
    """Looks every `interval_s` seconds; several ingestors may look at once. `on_deleted` is told table and rows."""

    def __init__(self, pool: Pool, settings: RetentionSettings, *, on_deleted: Callable[[str, int], None]) -> None:
        self._pool = pool
        self._settings = settings
        self._on_deleted = on_deleted
        self._days = {
            "inputs": settings.inputs_days,
            "predictions": settings.predictions_days,
            "chunks": max(LEDGER_DAYS, settings.predictions_days),
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Delete until told to stop; a step in hand is finished first."""
        while not stop.is_set():
            try:
                with transient_errors():
                    for table in TABLES:
                        await self._delete(table, stop)
            except Transient as error:
                log.warning("retention_put_off", reason=describe(error), again_in_s=self._settings.interval_s)
            await pause(self._settings.interval_s, stop)

    async def _delete(self, table: str, stop: asyncio.Event) -> None:
        deleted, step = 0, self._settings.step_rows
        while step == self._settings.step_rows and not stop.is_set():
            async with self._pool.acquire() as connection:
                step = await delete_some(
                    connection, table, older_than_days=self._days[table], at_most=self._settings.step_rows
                )
            self._on_deleted(table, step)
            deleted += step
            await pause(BREATH_S, stop)
        if deleted:
            log.info("predictions_forgotten", table=table, rows=deleted)
