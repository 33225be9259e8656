"""Publish what became of loads: kept until Kafka confirms, in order, without anyone waiting for it."""

import asyncio
from collections import deque
from collections.abc import Callable
from uuid import UUID, uuid4

import structlog
from readmit_contracts.fields import Message
from readmit_contracts.topics import MODELS_LOADED
from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.lifecycle import pause
from readmit_runtime.messages import OutgoingRecord, outgoing
from readmit_runtime.producer import Producer

from predictor.delivery import SOURCE, Delivery, deliver
from predictor.metrics import PredictorMetrics

MOST_WAITING = 100

log = structlog.get_logger(__name__)


class Announcements:
    """A short queue to `readmit.models.loaded.v1`.

    Reports say every few seconds which model answers, so when Kafka is away for long the oldest news may go.
    """

    def __init__(
        self,
        producer: Producer,
        *,
        metrics: PredictorMetrics,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._producer = producer
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff()
        self._new_id = new_id
        self._waiting: deque[OutgoingRecord] = deque(maxlen=MOST_WAITING)
        self._added = asyncio.Event()

    def announce(self, message: Message) -> None:
        """Queue one message; its id is given here, so that repeating it repeats the same message."""
        self._waiting.append(outgoing(MODELS_LOADED, message, source=SOURCE, id=self._new_id(), time=self._clock.now()))
        self._added.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish what is queued until `stop`, then what is left, once."""
        while not stop.is_set():
            self._added.clear()
            if not await self._publish_waiting():
                await pause(self._backoff.next_s(), stop)
                continue
            self._backoff.reset()
            if not self._waiting:
                await pause(60.0, self._added, stop)
        await self._publish_waiting()

    async def _publish_waiting(self) -> bool:
        """Publish the queue from its front; tell whether it is empty."""
        while self._waiting:
            record = self._waiting[0]
            if await deliver(self._producer, record, kind="announcement", metrics=self._metrics) is Delivery.LATER:
                return False
            if self._waiting and self._waiting[0] is record:  # a full queue may have let it go meanwhile
                self._waiting.popleft()
        return True
