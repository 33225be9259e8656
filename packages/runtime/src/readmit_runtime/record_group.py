"""Collect the records of several polls into one group that is handled and committed together."""

from collections.abc import Mapping

from readmit_runtime.consumer_client import Polled
from readmit_runtime.messages import IncomingRecord, Partition


class RecordGroup:
    """Records of one epoch by partition, in offset order; partitions in the order of their names."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._records: dict[Partition, list[IncomingRecord]] = {}
        self._positions: dict[Partition, int] = {}

    def __len__(self) -> int:
        return sum(len(records) for records in self._records.values())

    def add(self, polled: Polled) -> int:
        """Take a poll's records in; return how many earlier ones had to go.

        A poll of a newer epoch begins at the committed offsets again, so what was collected before it comes
        again, here or at another member.
        """
        dropped = 0
        if polled.epoch != self.epoch:
            dropped = len(self)
            self._records.clear()
            self._positions.clear()
            self.epoch = polled.epoch
        for partition, records in polled.records.items():
            self._records.setdefault(partition, []).extend(records)
        self._positions.update(polled.positions)
        return dropped

    def records(self) -> list[IncomingRecord]:
        """Return all records, each partition's together and in order."""
        return [record for _, records in self._sorted() for record in records]

    def first_offsets(self) -> Mapping[Partition, int]:
        """Return where each partition would have to be read again."""
        return {partition: records[0].offset for partition, records in self._sorted() if records}

    def next_offsets(self) -> Mapping[Partition, int]:
        """Return where each partition goes on once the group is handled, also those that brought no record."""
        behind_records = {partition: records[-1].offset + 1 for partition, records in self._sorted() if records}
        return behind_records | self._positions

    def _sorted(self) -> list[tuple[Partition, list[IncomingRecord]]]:
        return sorted(self._records.items(), key=lambda item: (item[0].topic, item[0].number))
