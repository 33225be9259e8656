"""Keep every answered prediction on disk before its answer goes out, and ship it to Kafka without an answer waiting.

Promised against the death of processes: what `write()` took, the operating system keeps. Not against its own death.
"""

import asyncio
import errno
import os
from collections import deque

import msgspec
import structlog
from readmit_contracts.events import PredictionRecord
from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.lifecycle import pause
from readmit_runtime.producer import Producer

from predictor.metrics import PredictorMetrics
from predictor.settings import PredictionLogSettings
from predictor.spool.abandoned import AbandonedFolders
from predictor.spool.folder import Segment
from predictor.spool.segment_records import frame
from predictor.spool.segment_writer import SegmentWriter, Write
from predictor.spool.shipper import Shipper

COMPLAIN_EVERY_S = 60.0

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_ENCODER = msgspec.json.Encoder()

log = structlog.get_logger(__name__)


class PredictionLog:
    """Appends to the open segment of this process, ships closed ones and those that dead processes left."""

    def __init__(
        self,
        *,
        replica: str,
        producer: Producer,
        settings: PredictionLogSettings,
        metrics: PredictorMetrics,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        write: Write = os.write,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        metrics.spool_holds(settings.spool_bytes)
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff()
        self._writer = SegmentWriter(settings.spool, replica, write=write)
        self._shipper = Shipper(producer, metrics=metrics)
        self._abandoned = AbandonedFolders(settings.spool)
        self._closed: deque[tuple[Segment, int]] = deque()
        self._own_bytes = 0
        self._open_bytes = 0
        self._segment_closed = asyncio.Event()
        self._close_at = self._clock.monotonic() + settings.flush_interval_s
        self._look_at = self._clock.monotonic()
        self._complain_at = self._clock.monotonic()

    def prepare(self) -> None:
        """Make the process's folder, so that a wrong setting ends the start; a full disk does not. Raises OSError."""
        try:
            self._writer.make_folder()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self._complain("disk", error)

    def add(self, *records: PredictionRecord) -> bool:
        """Append the records of one answer by one `write()`, and tell whether the answer may go out.

        It may not when the log has no room for them, or its disk fails, and the settings say to refuse. Their
        probabilities are counted either way: every one passes here. Never waits for Kafka, raises nothing.
        """
        for record in records:
            self._metrics.scored(record)
        framed = b"".join([frame(_ENCODER.encode(record)) for record in records])
        if self._own_bytes + self._abandoned.bytes_beside + len(framed) > self._settings.spool_bytes:
            return self._unlogged("full", len(records), None)
        try:
            self._writer.append(framed)
        except OSError as error:
            if self._writer.ended:
                self._close_segment()
            return self._unlogged("disk", len(records), error)
        self._own_bytes += len(framed)
        self._open_bytes += len(framed)
        if self._writer.ended:
            self._close_segment()
        return True

    async def run(self, ended: asyncio.Event) -> None:
        """Ship until `ended`, to be set once the last answer is given, then what is left within its limit."""
        shipping = asyncio.create_task(self._ship(ended), name="ship predictions")
        waiting = asyncio.create_task(ended.wait(), name="prediction log's end")
        try:
            await asyncio.wait({shipping, waiting}, return_when=asyncio.FIRST_COMPLETED)
            # what is in hand when the end comes counts against the limit too: Kafka may never answer
            async with asyncio.timeout(self._settings.flush_limit_s):
                await shipping
        except TimeoutError:
            log.warning("predictions_left", spool=self._settings.spool, own_bytes=self._own_bytes)
        finally:
            for task in (shipping, waiting):
                task.cancel()
            await asyncio.wait({shipping, waiting})
            self._leave()

    async def _ship(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            await self._step(ended)
        self._close_segment()
        while (shipped := await self._ship_next()) is not None:
            if not shipped:
                await self._clock.sleep(self._backoff.next_s())

    async def _step(self, ended: asyncio.Event) -> None:
        if self._clock.monotonic() >= self._look_at:
            await self._abandoned.look(self._writer.folder)
            self._look_at = self._clock.monotonic() + self._settings.adopt_interval_s
        if not self._closed and self._clock.monotonic() >= self._close_at:
            self._close_segment()
        self._metrics.spooled(self._own_bytes + self._abandoned.bytes_beside)
        shipped = await self._ship_next()
        if shipped is None:
            self._segment_closed.clear()
            await pause(max(0.0, self._close_at - self._clock.monotonic()), self._segment_closed, ended)
        elif shipped:
            self._backoff.reset()
        else:
            await pause(self._backoff.next_s(), ended)

    async def _ship_next(self) -> bool | None:
        """Ship one closed segment, own ones first; tell whether it is done with, None when there is none."""
        if self._closed:
            segment, size = self._closed[0]
            if not await self._shipper.ship(segment):
                return False
            self._closed.popleft()
            self._own_bytes -= size
            return True
        adopted = self._abandoned.next()
        if adopted is None:
            return None
        if not await self._shipper.ship(adopted):
            return False
        self._abandoned.done()
        self._metrics.adopted()
        return True

    def _close_segment(self) -> None:
        self._close_at = self._clock.monotonic() + self._settings.flush_interval_s
        segment = self._writer.close()
        if segment is not None:
            self._closed.append((segment, self._open_bytes))
            self._open_bytes = 0
            self._segment_closed.set()

    def _leave(self) -> None:
        self._abandoned.leave()
        try:
            self._writer.leave()
        except OSError:
            log.exception("spool_left", spool=self._settings.spool)

    def _unlogged(self, reason: str, records: int, error: OSError | None) -> bool:
        self._metrics.unlogged(reason, records)
        self._complain(reason, error)
        return self._settings.when_full == "drop"

    def _complain(self, reason: str, error: OSError | None) -> None:
        if self._clock.monotonic() < self._complain_at:
            return
        self._complain_at = self._clock.monotonic() + COMPLAIN_EVERY_S
        code = None if error is None else errno.errorcode.get(error.errno or 0, type(error).__name__)
        log.error("predictions_not_logged", reason=reason, error=code, when_full=self._settings.when_full)
