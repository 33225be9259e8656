"""Ship closed segments to Kafka, one at a time, and delete each once Kafka has all of it."""

import structlog
from readmit_contracts.envelope import MessageInvalid
from readmit_runtime.producer import Producer

from predictor.delivery import Delivery, deliver
from predictor.metrics import PredictorMetrics
from predictor.spool.chunks import Chunk, cut
from predictor.spool.folder import Segment
from predictor.spool.segment_records import SegmentRecords

log = structlog.get_logger(__name__)


class Shipper:
    """Publishes a segment's chunks in order; what Kafka may have already is known by its name to the reader."""

    def __init__(self, producer: Producer, *, metrics: PredictorMetrics) -> None:
        self._producer = producer
        self._metrics = metrics
        self._in_hand: Segment | None = None
        self._settled_chunks = 0

    async def ship(self, segment: Segment) -> bool:
        """Publish and delete a segment; tell whether it is done with, else it is to be given again.

        A file that cannot be read or deleted is logged and left for another process.
        """
        try:
            return await self._ship(segment)
        except OSError:
            log.exception("segment_left", segment=segment.path)
            return True

    async def _ship(self, segment: Segment) -> bool:
        if segment != self._in_hand:
            self._in_hand, self._settled_chunks = segment, 0
        records = SegmentRecords(segment.path.read_bytes())
        for chunk in cut(records):  # bit by bit, so that answers have their turn in between
            if chunk.number < self._settled_chunks:
                continue
            if not await self._settle(segment, chunk):
                return False
            self._settled_chunks = chunk.number + 1
        if records.torn_bytes:
            log.warning("segment_torn", segment=segment.path, torn_bytes=records.torn_bytes)
            self._metrics.torn()
        segment.path.unlink()
        return True

    async def _settle(self, segment: Segment, chunk: Chunk) -> bool:
        """Publish one chunk, or give it up where no reader or broker would ever take it; False to try again."""
        try:
            message = chunk.message(segment.replica, segment.id)
        except MessageInvalid as error:
            log.exception("chunk_invalid", segment=segment.path, chunk=chunk.number, reason=error.reason)
            outcome = Delivery.NEVER
        else:
            outcome = await deliver(self._producer, message, kind="predictions", metrics=self._metrics)
        if outcome is Delivery.DONE:
            self._metrics.shipped(len(chunk.records))
        elif outcome is Delivery.NEVER:
            self._metrics.unlogged("undeliverable", len(chunk.records))
        return outcome is not Delivery.LATER
