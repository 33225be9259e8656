"""Name what the consumer loop needs from a Kafka client: one group member, read by hand."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from readmit_runtime.messages import IncomingRecord, Partition

RevokeListener = Callable[[], Awaitable[None]]
"""Awaited before partitions are given back; until it returns the group waits, so it must be bounded."""


class CommitLost(Exception):
    """The partitions belong to another member by now: its commits count, this one does not."""


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll brought, by partition, in offset order, and the epoch it was brought in."""

    epoch: int
    records: Mapping[Partition, Sequence[IncomingRecord]] = field(default_factory=dict)
    positions: Mapping[Partition, int] = field(default_factory=dict)
    """Where partitions go on behind these records, where known: also past what is no record, a transaction's end."""


class ConsumerClient(Protocol):
    """One member of a consumer group; nothing is committed unless `commit` is called.

    Every call may raise `Transient` where the broker is away. Any other error is a fault that time
    does not heal: missing rights, a corrupt record.
    """

    @property
    def epoch(self) -> int:
        """Count the times partitions were given back; records of an earlier epoch are no longer ours."""
        ...

    async def start(self, on_revoke: RevokeListener) -> None:
        """Connect and join the group; a start that raised may be repeated."""
        ...

    async def poll(self, timeout_s: float, *, max_records: int) -> Polled:
        """Return at once with what is there, at most `max_records`, else wait `timeout_s` for the first record.

        Returns empty within the time also in a rebalance.
        """
        ...

    def assignment(self) -> Collection[Partition]:
        """Return the partitions held now; empty before the first assignment."""
        ...

    def behind(self) -> int:
        """Count the records known to stand behind those handed out, over all partitions held."""
        ...

    def seek(self, partition: Partition, offset: int) -> None:
        """Let the next poll of a held partition begin at `offset`."""
        ...

    def pause(self) -> None:
        """Hand out nothing from the partitions held now; one assigned later is not paused."""
        ...

    def resume(self) -> None:
        """Hand out records of all partitions held now again."""
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store for each partition the offset at which its next owner begins; raises CommitLost."""
        ...

    async def stop(self) -> None:
        """Leave the group and disconnect, in bounded time, without committing; may be called twice."""
        ...
