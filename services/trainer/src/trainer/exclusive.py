"""Do a piece of work in one process at a time: whoever holds a lock of Postgres's sessions does it, the others wait.

The lock goes with its connection, so work may still be under way when another process begins: it has to be safe
beside itself, this only keeps it from being done twice for nothing.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from readmit_runtime.backoff import Backoff
from readmit_runtime.database import DirectConnection, connect, transient_errors
from readmit_runtime.errors import Transient
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe
from readmit_runtime.settings import PostgresSettings

log = structlog.get_logger(__name__)

_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
_LIMIT_SESSION = """
    SELECT set_config('tcp_keepalives_idle', '15', false), set_config('tcp_keepalives_interval', '5', false),
           set_config('tcp_keepalives_count', '3', false)
"""
_CLOSE_S = 1.0


class Exclusive:
    """One named piece of work, done every `every_s` seconds and when woken; `run` is a loop of the service."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], Awaitable[None]],
        postgres: PostgresSettings,
        *,
        every_s: float,
        stop_s: float = 5.0,
        backoff: Backoff | None = None,
    ) -> None:
        """Take the work; a turn that outlasts a stop by `stop_s` seconds is cancelled."""
        self._name = name
        self._turn = turn
        self._postgres = postgres
        self._every_s = every_s
        self._stop_s = stop_s
        self._backoff = backoff or Backoff()
        self._woken = asyncio.Event()
        self.leading = False
        """This process holds the lock."""

    def wake(self) -> None:
        """Do the work now; call it after a commit that gives some."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; errors that pass are waited out, any other is raised."""
        while not stop.is_set():
            try:
                await self._session(stop)
            except Transient as error:
                delay_s = self._backoff.next_s()
                log.warning("exclusive_work_waits", work=self._name, error=describe(error), delay_s=round(delay_s, 3))
                await pause(delay_s, stop)

    async def _session(self, stop: asyncio.Event) -> None:
        connection = await connect(self._postgres, application_name=f"readmit {self._name}")
        try:
            with transient_errors():
                await connection.execute(_LIMIT_SESSION)
            while not stop.is_set():
                self._woken.clear()
                if await self._lead(connection):
                    await self._until_stopped(stop)
                    self._backoff.reset()
                await pause(self._every_s, stop, self._woken)
        finally:
            self.leading = False
            with contextlib.suppress(Transient), transient_errors():
                await connection.close(timeout=_CLOSE_S)

    async def _lead(self, connection: DirectConnection) -> bool:
        with transient_errors():
            if self.leading:
                await connection.execute("SELECT 1")  # a lost connection is a lost lock
                return True
            self.leading = bool(await connection.fetchval(_TRY_LOCK, f"readmit.{self._name}"))
        if self.leading:
            log.info("exclusive_work_leads", work=self._name)
        return self.leading

    async def _until_stopped(self, stop: asyncio.Event) -> None:
        work = asyncio.ensure_future(self._turn())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await asyncio.wait({work}, timeout=self._stop_s)
            if work.done():
                await work
        finally:
            stopped.cancel()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
