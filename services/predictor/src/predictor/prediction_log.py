"""Ship every answered prediction to Kafka from a bounded buffer, without an answer ever waiting for it."""

import asyncio
from collections import deque
from collections.abc import Callable
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
    ) -> None:
        self._replica = replica
        self._producer = producer
        self._settings = settings
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff()
        self._new_segment = new_segment
        self._segment = new_segment()
        self._chunk = 0
        self._waiting: deque[PredictionRecord] = deque()
        self._in_hand = 0
        self._chunk_full = asyncio.Event()

    def add(self, record: PredictionRecord) -> None:
        """Take one record, or drop and count it when the buffer is full; never waits, never fails."""
        if len(self._waiting) + self._in_hand >= self._settings.buffer_records:
            self._metrics.dropped(1)
            return
        self._waiting.append(record)
        self._note_size()
        if len(self._waiting) >= self._settings.chunk_records:
            self._chunk_full.set()

    async def run(self, ended: asyncio.Event) -> None:
        """Ship until `ended`, which is to be set when the last answer is given, then flush within the limit."""
        while not ended.is_set():
            await pause(self._settings.flush_interval_s, self._chunk_full, ended)
            await self._ship_waiting(ended)
        await self._flush()

    async def _ship_waiting(self, ended: asyncio.Event) -> None:
        while self._waiting:
            chunk = self._cut()
            while await self._deliver(chunk) is Delivery.LATER:
                if ended.is_set():
                    self._put_back(chunk)
                    return
                await pause(self._backoff.next_s(), ended)
