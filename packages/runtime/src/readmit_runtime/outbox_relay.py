"""Publish an outbox: at least once, per key in the order of commits, by one process at a time.

Every process that writes an outbox runs a relay. One of them holds a session's advisory lock on a connection of its
own, works, and loses the lock with that connection; the others ask for it at each poll. A record is marked after the
broker has it, so a relay that dies between the two publishes it again: readers drop repeats by event id.
"""

import asyncio
import contextlib

import structlog

from readmit_runtime import outbox
from readmit_runtime.backoff import Backoff
from readmit_runtime.database import DirectConnection, connect, transient_errors
from readmit_runtime.errors import Transient
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe
from readmit_runtime.producer import Outcome, Position, Producer
from readmit_runtime.settings import PostgresSettings

log = structlog.get_logger(__name__)

PAGE_RECORDS = 100  # held at once; each may be a dead letter of nearly 1 MB
_CLOSE_S = 1.0
_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
_LIMIT_SESSION = """
    SELECT set_config('idle_session_timeout', $1, false),
           set_config('tcp_keepalives_idle', '15', false),
           set_config('tcp_keepalives_interval', '5', false),
           set_config('tcp_keepalives_count', '3', false)
"""

_Key = tuple[str, bytes]


class OutboxRelay:
    """The relay of one schema's outbox; `run` is a loop of the service.

    The settings must lead to Postgres itself: behind a pooler a session's lock means nothing. `leading`, `published`
    and `refused` are for metrics.
    """

    def __init__(
        self,
        schema: str,
        settings: PostgresSettings,
        producer: Producer,
        *,
        poll_s: float = 1.0,
        page_records: int = PAGE_RECORDS,
        lock_idle_s: float = 120.0,
        backoff: Backoff | None = None,
    ) -> None:
        """Take the schema, the way to its database, and the producer, which stays the caller's to close.

        A relay that asks nothing for `lock_idle_s` seconds (a stopped process keeps its connection) loses its session
        and so the lock. It must be longer than `poll_s` and than a delivery of the producer may take.
        """
        self._schema = schema
        self._settings = settings
        self._producer = producer
        self._poll_s = poll_s
        self._page_records = page_records
        self._lock_idle_s = lock_idle_s
        self._backoff = backoff or Backoff()
        self._woken = asyncio.Event()
        self._reported: set[int] = set()
        self.leading = False
        """This process holds the lock."""
        self.published = 0
        """Records published and marked since the start."""
        self.refused = 0
        """Records that the broker will never take, counted at each attempt; their keys wait for an operator."""

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set; what is still waiting then is published by the next relay.

        Errors that pass are waited out; any other is raised.
        """
        while not stop.is_set():
            try:
                await self._session(stop)
            except Transient as error:
                delay_s = self._backoff.next_s()
                log.warning(
                    "outbox_relay_waits",
                    schema=self._schema,
                    error=describe(error),
                    failures=self._backoff.failures,
                    delay_s=round(delay_s, 3),
                )
                await pause(delay_s, stop)

    async def _session(self, stop: asyncio.Event) -> None:
        connection = await connect(self._settings, application_name=f"readmit outbox {self._schema}")
        try:
            with transient_errors():
                await connection.execute(_LIMIT_SESSION, f"{round(self._lock_idle_s * 1000)}ms")
                await connection.add_listener(outbox.channel(self._schema), lambda *_: self._woken.set())
                while not stop.is_set():
                    self._woken.clear()
                    if self.leading or await self._lead(connection):
                        await self._round(connection, stop)
                        self._backoff.reset()
                    await pause(self._poll_s, stop, self._woken)
        finally:
            self.leading = False
            with contextlib.suppress(Transient), transient_errors():
                await connection.close(timeout=_CLOSE_S)

    async def _lead(self, connection: DirectConnection) -> bool:
        self.leading = bool(await connection.fetchval(_TRY_LOCK, f"readmit.outbox.{self._schema}"))
        if self.leading:
            log.info("outbox_relay_leads", schema=self._schema)
        return self.leading

    async def _round(self, connection: DirectConnection, stop: asyncio.Event) -> None:
        """Go once through all that waits, page by page; a key that fails is left alone until the next round."""
        stopped: set[_Key] = set()
        failure: Transient | None = None
        after = 0
        while not stop.is_set():
            page = await outbox.waiting(connection, self._schema, after=after, limit=self._page_records)
            ready = [entry for entry in page if _key(entry) not in stopped]
            outcomes = await self._producer.publish_all([entry.record for entry in ready]) if ready else []
            done = [entry.id for entry, outcome in zip(ready, outcomes, strict=True) if isinstance(outcome, Position)]
            await outbox.mark_published(connection, self._schema, done)
            if done:
                self.published += len(done)
                self._backoff.reset()
            for entry, outcome in zip(ready, outcomes, strict=True):
                # Behind a key's first failure the others only wait; theirs say nothing of the broker.
                if not isinstance(outcome, Position) and _key(entry) not in stopped:
                    stopped.add(_key(entry))
                    failure = self._note(entry, outcome) or failure
            if len(page) < self._page_records or (failure is not None and not done):
                break
            after = page[-1].id
        if failure is not None:
            raise failure

    def _note(self, entry: outbox.WaitingRecord, outcome: Outcome) -> Transient | None:
        if isinstance(outcome, Transient):
            return outcome
        self.refused += 1
        if entry.id not in self._reported:  # it is tried at every poll; one line is enough
            self._reported.add(entry.id)
            log.error(
                "outbox_record_refused", schema=self._schema, id=entry.id, topic=entry.record.topic, why=str(outcome)
            )
        return None


def _key(entry: outbox.WaitingRecord) -> _Key:
    return entry.record.topic, entry.record.key
