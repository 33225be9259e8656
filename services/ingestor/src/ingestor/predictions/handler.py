"""Handle one group of prediction records: read it, store it."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC

import structlog
from readmit_contracts.events import PredictionsMade
from readmit_contracts.reasons import Reason
from readmit_runtime.database import Pool, transient_errors
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.errors import Rejected
from readmit_runtime.messages import IncomingRecord, incoming

from ingestor.parked import ParkedRecord
from ingestor.predictions.store import StoredPredictions, store_predictions
from ingestor.settings import RetentionSettings

log = structlog.get_logger(__name__)


class PredictionHandler:
    """The handler of the predictions topic.

    `on_stored` is told what became of a group after its commit, and the seconds that its transaction took.
    """

    def __init__(
        self,
        pool: Pool,
        limit: DeadLetterLimit,
        retention: RetentionSettings,
        *,
        on_stored: Callable[[StoredPredictions, float], None],
    ) -> None:
        self._pool = pool
        self._limit = limit
        self._retention = retention
        self._on_stored = on_stored

    async def __call__(self, records: Sequence[IncomingRecord]) -> None:
        """Store the group; raises Transient when it has to come again, TooManyDeadLetters when a person must look."""
        chunks: list[tuple[IncomingRecord, PredictionsMade]] = []
        unreadable: list[ParkedRecord] = []
        for record in records:
            made = _read(record)
            if isinstance(made, ParkedRecord):
                unreadable.append(made)
            else:
                chunks.append((record, made))
        with transient_errors():
            async with self._pool.acquire() as connection:
                began = time.monotonic()
                stored = await store_predictions(connection, chunks, unreadable, self._limit, self._retention)
                seconds = time.monotonic() - began
        log.info(
            "predictions_stored",
            predictions=stored.predictions,
            expired=stored.expired,
            chunks_repeated=stored.chunks_repeated,
            parked=stored.parked,
        )
        self._on_stored(stored, seconds)


def _read(record: IncomingRecord) -> PredictionsMade | ParkedRecord:
    try:
        _, message = incoming(record)
    except Rejected as error:
        return ParkedRecord(record, Reason(error.reason), error.detail)
    if not isinstance(message, PredictionsMade):
        return ParkedRecord(record, Reason.UNKNOWN_TYPE, "the topic carries PredictionsMade alone")
    try:
        for prediction in message.records:
            prediction.at.astimezone(UTC)
    except OverflowError:
        return ParkedRecord(record, Reason.DECODE, "a prediction's moment lies outside the calendar in UTC")
    return message
