"""Take what the replicas say of themselves; a message that cannot be read is parked."""

from collections.abc import Sequence

import structlog
from readmit_contracts.events import ModelLoaded, ModelLoadFailed, ReplicaReported
from readmit_contracts.reasons import Reason
from readmit_runtime import outbox
from readmit_runtime.database import Pool, transient_errors
from readmit_runtime.dead_letters import DeadLetterLimit, dead_letter, dead_letter_id
from readmit_runtime.errors import Rejected
from readmit_runtime.messages import IncomingRecord, OutgoingRecord, incoming

from trainer.announcements import SCHEMA, Event
from trainer.replicas import store
from trainer.replicas.store import News

CONSUMER = "trainer-replicas"

log = structlog.get_logger(__name__)


class ReplicaHandler:
    """The handler of a consumer of `readmit.models.loaded.v1`: a group is one transaction."""

    def __init__(self, pool: Pool, limit: DeadLetterLimit) -> None:
        self._pool = pool
        self._limit = limit

    async def __call__(self, records: Sequence[IncomingRecord]) -> None:
        """Keep the news of a group; raises Transient, TooManyDeadLetters."""
        news: list[tuple[News, int]] = []
        parked: list[Event] = []
        for record in records:
            try:
                news.append((_read(record), record.timestamp_ms))
            except Rejected as why:
                log.warning("replica_news_parked", offset=record.offset, reason=why.reason, detail=why.detail)
                parked.append((dead_letter_id(record), _letter(record, why)))
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                await store.keep(connection, news)
                await outbox.add(connection, SCHEMA, parked)
                self._limit.observe(good=len(news), parked=len(parked))


def _read(record: IncomingRecord) -> News:
    _, message = incoming(record)
    if isinstance(message, ReplicaReported | ModelLoaded | ModelLoadFailed):
        return message
    raise Rejected(Reason.UNKNOWN_TYPE, f"{CONSUMER} has nothing to do for a {type(message).__name__}.")


def _letter(record: IncomingRecord, why: Rejected) -> OutgoingRecord:
    return dead_letter(record, why.reason, why.detail, consumer=CONSUMER)
