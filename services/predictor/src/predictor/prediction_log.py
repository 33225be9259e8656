"""Ship every answered prediction to Kafka from a bounded buffer, without an answer ever waiting for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog
from readmit_contracts import ids
from readmit_contracts.events import PredictionRecord, PredictionsMade
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import PREDICTIONS
from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.deadline import Deadline
from readmit_runtime.lifecycle import pause
from readmit_runtime.messages import OutgoingRecord, outgoing
from readmit_runtime.producer import Producer

from predictor.delivery import SOURCE, Delivery, deliver
from predictor.metrics import PredictorMetrics
from predictor.settings import PredictionLogSettings

CHUNKS_PER_SEGMENT = 100_000  # the contract numbers chunks from 0 to 99,999

log = structlog.get_logger(__name__)


class PredictionLog:
    """Records wait in memory until Kafka confirms their chunk.

    A chunk is named by replica, segment and number, and once cut it is published unchanged until it is confirmed, so
    that its reader can tell a repetition. When the buffer is full, new records are dropped and counted.
    """

    def __init__(
        self,
        *,
        replica: str,
        producer: Producer,
        settings: PredictionLogSettings,
        metrics: PredictorMetrics,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        new_segment: Callable[[], UUID] = uuid4,
        chunks_per_segment: int = CHUNKS_PER_SEGMENT,
    ) -> None:
        self._producer = producer
        self._settings = settings
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff()
        self._cutter = _Cutter(replica, new_segment, chunks_per_segment, self._clock)
        self._waiting: deque[PredictionRecord] = deque()
        self._in_hand: _Chunk | None = None
        self._chunk_full = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + (0 if self._in_hand is None else self._in_hand.records)

    def add(self, record: PredictionRecord) -> None:
        """Take one record, or drop and count it when the buffer is full; never waits, never fails."""
        if len(self) >= self._settings.buffer_records:
            self._metrics.dropped(1)
            return
        self._waiting.append(record)
        self._metrics.buffered(len(self))
        if len(self._waiting) >= self._settings.chunk_records:
            self._chunk_full.set()

    async def run(self, ended: asyncio.Event) -> None:
        """Ship until `ended`, to be set once the last answer is given, then flush within its limit."""
        while not ended.is_set():
            await pause(self._settings.flush_interval_s, self._chunk_full, ended)
            self._chunk_full.clear()
            while len(self) and not ended.is_set():
                if await self._ship_next():
                    self._backoff.reset()
                else:
                    await pause(self._backoff.next_s(), ended)
        await self._flush()

    async def _flush(self) -> None:
        deadline = Deadline.after(self._settings.flush_limit_s, self._clock)
        while len(self) and not deadline.expired:
            try:
                async with asyncio.timeout(deadline.remaining()):
                    if not await self._ship_next():
                        await self._clock.sleep(min(self._backoff.next_s(), deadline.remaining()))
            except TimeoutError:
                break
        if len(self):
            log.error("predictions_lost", records=len(self), limit_s=self._settings.flush_limit_s)
            self._metrics.dropped(len(self))

    async def _ship_next(self) -> bool:
        """Publish the chunk in hand, or the next one; tell whether it is settled."""
        if self._in_hand is None:
            count = min(len(self._waiting), self._settings.chunk_records)
            self._in_hand = self._cutter.cut([self._waiting.popleft() for _ in range(count)])
        outcome = await deliver(self._producer, self._in_hand.message, kind="predictions", metrics=self._metrics)
        if outcome is Delivery.LATER:
            return False
        settled, self._in_hand = self._in_hand.records, None
        if outcome is Delivery.DONE:
            self._metrics.shipped(settled)
        else:
            self._metrics.dropped(settled)
        self._metrics.buffered(len(self))
        return True


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk as it is published, and how many records it holds."""

    message: OutgoingRecord
    records: int


class _Cutter:
    """Numbers the chunks of a replica's segments."""

    def __init__(self, replica: str, new_segment: Callable[[], UUID], chunks_per_segment: int, clock: Clock) -> None:
        self._replica = replica
        self._chunks_per_segment = chunks_per_segment
        self._new_segment = new_segment
        self._clock = clock
        self._segment = new_segment()
        self._number = 0

    def cut(self, records: Sequence[PredictionRecord]) -> _Chunk:
        """Return the next chunk with these records; its id follows from its name."""
        if self._number == self._chunks_per_segment:
            self._segment, self._number = self._new_segment(), 0
        message = PredictionsMade(
            replica=self._replica, segment=self._segment, chunk=self._number, records=tuple(records)
        )
        event_id = ids.event_id(ce_type(PredictionsMade), self._replica, self._segment, self._number)
        self._number += 1
        record = outgoing(PREDICTIONS, message, source=SOURCE, id=event_id, time=self._clock.now())
        return _Chunk(record, len(records))
