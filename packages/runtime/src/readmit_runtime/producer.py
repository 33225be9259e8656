"""Name what a service needs to publish: delivery that is proven, unknown or refused, never assumed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from readmit_contracts.reasons import Reason

from readmit_runtime.errors import Rejected, Transient
from readmit_runtime.messages import OutgoingRecord


@dataclass(frozen=True, slots=True)
class Position:
    """Where the broker stored a record."""

    topic: str
    partition: int
    offset: int
    """-1 when the broker knew the record already and no longer knew its offset."""


class DeliveryUnknown(Transient):
    """The broker did not confirm in time: the record may or may not be stored.

    Publish the same record again, with the same id; readers drop the second one.
    """


class RecordTooLarge(Rejected):
    """No retry makes the record fit; the limit of the topic or of the producer has to change."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.TOO_LARGE, detail)


Outcome = Position | Transient | Rejected


class Producer(Protocol):
    """Writes records; those of one key are stored in the order in which they were given."""

    async def publish(self, record: OutgoingRecord) -> Position:
        """Return when the broker has stored the record; raises Transient or RecordTooLarge."""
        ...

    async def publish_all(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """Publish many, several in flight, and tell for each, in their order, what became of it.

        Once a record fails, later ones of its key are not stored before it: they fail as Transient.
        An outcome is returned, not raised; `positions` raises the first failure.
        """
        ...

    async def close(self) -> None:
        """Give what is in flight a moment and disconnect, in bounded time; may be called twice."""
        ...


def positions(outcomes: Iterable[Outcome]) -> list[Position]:
    """Return the positions of a call in which all was stored; raise the first failure otherwise."""
    stored = []
    for outcome in outcomes:
        if not isinstance(outcome, Position):
            raise outcome
        stored.append(outcome)
    return stored
