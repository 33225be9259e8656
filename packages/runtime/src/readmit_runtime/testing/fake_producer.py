"""Publish to a FakeBroker, with failures on demand."""

import asyncio
from collections.abc import Callable, Sequence

from readmit_runtime.errors import Rejected, Transient
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import DeliveryUnknown, Outcome, Position, RecordTooLarge, positions
from readmit_runtime.testing.fake_broker import FakeBroker

Refusal = Callable[[OutgoingRecord], Transient | Rejected | None]


class FakeProducer:
    """A Producer in memory. `refuse` may answer for a record instead of the broker.

    `published` holds every record that was stored, in order. With `store_unknown` a record answered with
    DeliveryUnknown is stored all the same, as it may be in life.
    """

    def __init__(
        self,
        broker: FakeBroker,
        *,
        refuse: Refusal | None = None,
        store_unknown: bool = False,
        max_record_bytes: int = 1_000_000,
    ) -> None:
        self._broker = broker
        self._max_record_bytes = max_record_bytes
        self.refuse = refuse
        self.store_unknown = store_unknown
        self.published: list[OutgoingRecord] = []
        self.closed = False

    async def publish(self, record: OutgoingRecord) -> Position:
        """Store one record."""
        return positions(await self.publish_all([record]))[0]

    async def publish_all(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """Store records in order; after a failure later ones of its key fail too."""
        await asyncio.sleep(0)
        failed: set[tuple[str, bytes]] = set()
        outcomes: list[Outcome] = []
        for record in records:
            key = (record.topic, record.key)
            outcome = Transient("Not sent: the record before it failed.") if key in failed else self._store(record)
            if not isinstance(outcome, Position):
                failed.add(key)
            outcomes.append(outcome)
        return outcomes

    def _store(self, record: OutgoingRecord) -> Outcome:
        if self._broker.away or not self._broker.has_topic(record.topic):
            return DeliveryUnknown("The fake broker is away or does not have the topic.")
        if len(record.key) + len(record.value or b"") > self._max_record_bytes:
            return RecordTooLarge("The record is larger than the producer's max_record_bytes.")
        refusal = self.refuse(record) if self.refuse else None
        if refusal is None or (self.store_unknown and isinstance(refusal, DeliveryUnknown)):
            stored = self._broker.append(record)
            self.published.append(record)
            if refusal is None:
                return Position(stored.topic, stored.partition, stored.offset)
        return refusal

    async def close(self) -> None:
        """Note that the owner closed it."""
        self.closed = True
