"""Compare what the topic of promotions says with what the table says, and announce again what the topic lacks."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID, uuid4

import structlog
from readmit_contracts.events import ModelPromoted, ReplacedModel
from readmit_contracts.topics import MODELS_PROMOTED
from readmit_runtime import outbox
from readmit_runtime.database import Pool, transient_errors
from readmit_runtime.errors import Rejected
from readmit_runtime.messages import IncomingRecord, incoming
from readmit_runtime.topic_reader import TopicReader, read_to_end

from trainer import announcements
from trainer.announcements import SCHEMA, Row
from trainer.promotion import store

log = structlog.get_logger(__name__)

Tails = Mapping[str, ModelPromoted]
"""By model name, the announced promotion of the highest epoch."""


def tails_of(records: Sequence[IncomingRecord]) -> Tails:
    """Return the highest epoch of each model name; records that cannot be read say nothing."""
    tails: dict[str, ModelPromoted] = {}
    for record in records:
        try:
            _, message = incoming(record)
        except Rejected as error:
            log.warning("promotion_unreadable", offset=record.offset, reason=error.reason)
            continue
        if isinstance(message, ModelPromoted):
            last = tails.get(message.model)
            if last is None or message.epoch >= last.epoch:
                tails[message.model] = message
    return tails


def lacks(tail: ModelPromoted | None, promotion: Row) -> bool:
    """Tell whether the topic has yet to hear of this promotion, or of the version that its model got since.

    A topic that is ahead of a restored database lacks nothing: an older epoch would mislead, the next one goes above.
    """
    if tail is None or tail.epoch < promotion["epoch"]:
        return True
    same = (tail.epoch, tail.model_id) == (promotion["epoch"], promotion["model_id"])
    return same and tail.version is None and promotion["mlflow_version"] is not None


class Announcer:
    """Keeps the topic's tails in mind; `refresh` reads and compares."""

    def __init__(
        self,
        pool: Pool,
        open_reader: Callable[[], TopicReader],
        *,
        limit_s: float,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._pool = pool
        self._open_reader = open_reader
        self._limit_s = limit_s
        self._new_id = new_id
        self._tails: Tails | None = None

    @property
    def known(self) -> bool:
        """The topic was read to its end at least once."""
        return self._tails is not None

    def tail(self, model: str) -> ReplacedModel | None:
        """Return the highest announced epoch as of the last reading; raises LookupError before the first."""
        if self._tails is None:
            raise LookupError("the topic of promotions was not read yet")
        last = self._tails.get(model)
        return ReplacedModel(epoch=last.epoch, model_id=last.model_id) if last is not None else None

    async def refresh(self) -> int:
        """Read the topic, announce again what it lacks, and return how many; raises Transient."""
        with transient_errors():
            async with self._pool.acquire() as connection:
                promotions = await store.champions(connection)
        # The table first: a promotion of between the two readings must not look lost.
        records = await read_to_end(self._open_reader(), limit_s=self._limit_s)
        self._tails = tails_of(records)
        for promotion in promotions:
            tail = self._tails.get(promotion["model"])
            if tail is not None and tail.epoch > promotion["epoch"]:
                log.warning("topic_is_ahead", model=promotion["model"], epoch=promotion["epoch"], announced=tail.epoch)
        missing = [row for row in promotions if lacks(self._tails.get(row["model"]), row)]
        return sum([await self._announce(row) for row in missing])

    async def _announce(self, promotion: Row) -> bool:
        replaces = None
        if promotion["replaces_epoch"] is not None:
            replaces = ReplacedModel(epoch=promotion["replaces_epoch"], model_id=promotion["replaces_model_id"])
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                if await store.is_waiting(connection, MODELS_PROMOTED.name, promotion["model"]):
                    return False
                event = announcements.model_promoted(
                    promotion,
                    lineage=await store.lineage(connection),
                    replaces=replaces,
                    again=str(self._new_id()),
                )
                await outbox.add(connection, SCHEMA, [event])
        log.warning("promotion_announced_again", model=promotion["model"], epoch=promotion["epoch"])
        return True
