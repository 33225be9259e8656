"""Read a whole topic of a FakeBroker from its beginning."""

from collections.abc import Sequence
from typing import assert_never

from readmit_runtime.deadline import Deadline
from readmit_runtime.errors import Transient
from readmit_runtime.messages import IncomingRecord, Partition
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.topic_reader import FromOffset, LastOffsets, Since, Start

_LOOK_AGAIN_S = 0.005
_MOST_RECORDS = 1_000


class FakeTopicReader:
    """A TopicReader in memory."""

    def __init__(self, broker: FakeBroker, topic: str, *, start: Start | None = None) -> None:
        self._broker = broker
        self._topic = topic
        self._start = start
        self._positions: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        self._started = False
        self.stopped = False

    @property
    def caught_up(self) -> bool:
        """Tell whether all that stood in the topic at the start was handed out."""
        return self._started and all(self._positions[partition] >= end for partition, end in self._ends.items())

    async def start(self) -> None:
        """Note where the topic ends now."""
        self._broker.reach()
        if not self._broker.has_topic(self._topic):
            raise Transient(f"The topic {self._topic} does not exist; create it.")
        partitions = self._broker.partitions(self._topic)
        self._ends = {partition: self._broker.end(partition) for partition in partitions}
        self._positions = {partition: self._first(partition) for partition in partitions}
        self._started = True

    def _first(self, partition: Partition) -> int:
        end = self._ends[partition]
        match self._start:
            case None:
                return 0
            case LastOffsets(count):
                return max(0, end - count)
            case FromOffset(number, offset):
                return min(offset, end) if partition.number == number else end
            case Since(time_ms):
                records = self._broker.read(partition, 0, end)
                return next((record.offset for record in records if record.timestamp_ms >= time_ms), end)
            case other:
                assert_never(other)

    async def read(self, timeout_s: float) -> Sequence[IncomingRecord]:
        """Return the next records, else look again until the time is over."""
        if not self._started or self.stopped:
            raise RuntimeError("The reader is not started; call start() first.")
        deadline = Deadline.after(timeout_s, self._broker.clock)
        while True:
            self._broker.reach()
            found = self._take()
            if found or deadline.expired:
                return found
            await self._broker.clock.sleep(min(deadline.remaining(), _LOOK_AGAIN_S))

    def _take(self) -> list[IncomingRecord]:
        found: list[IncomingRecord] = []
        for partition, position in self._positions.items():
            records = self._broker.read(partition, position, _MOST_RECORDS)
            self._positions[partition] += len(records)
            found.extend(records)
        return found

    async def stop(self) -> None:
        """Note that the owner stopped it."""
        self.stopped = True
