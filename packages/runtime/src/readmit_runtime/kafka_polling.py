"""Poll with aiokafka so that a record which it cannot take apart is stepped over instead of met for ever.

A header's name may be any bytes to the broker, and a batch may unpack to any size. The library raises out of the poll
then, after it has thrown away what the same poll took from other partitions. Such a record is handed out without its
content, so that its reader parks it like any other that cannot be read; the original stays at its coordinates.
"""

# mypy: untyped-calls-exclude=aiokafka

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from readmit_runtime.clock import SystemClock
from readmit_runtime.deadline import Deadline
from readmit_runtime.kafka_errors import transient_errors
from readmit_runtime.kafka_unpacking import UnpackingRefused

UNREADABLE = (UnicodeDecodeError, UnpackingRefused)
UNREADABLE_HEADERS = (
    ("readmit_unreadable", b"a header's name is not UTF-8, or the batch does not unpack within bounds"),
)
_STEPS_LIMIT_S = 5.0
_STEP_S = 0.05

Batches = Mapping[TopicPartition, Sequence[ConsumerRecord[bytes, bytes]]]

log = structlog.get_logger(__name__)


async def poll_records(consumer: AIOKafkaConsumer, timeout_s: float, *, max_records: int) -> Batches:
    """Return what is there, else wait; raises Transient.

    There is no other await between the library's hand-over and the return. An unreadable record that meets a
    rebalance is raised: the positions are unknown then, and a process that starts anew begins at the committed ones.
    """
    held, before = _assignment(consumer), positions(consumer)
    # Until all positions are known, one record at a time: a poll that fails has then taken nothing.
    most = max_records if before and before.keys() == consumer.assignment() else 1
    try:
        with transient_errors("polling"):
            batches: Batches = await consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=most)
            return batches
    except UNREADABLE:
        if most > 1 and _assignment(consumer) is not held:
            raise
        for partition, offset in before.items():
            consumer.seek(partition, offset)
        return await _step_over(consumer, max_records)


def positions(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """Return where each partition held goes on, as far as that is known: also behind what is no record."""
    # The public way waits for a position that is not known yet.
    assignment = _assignment(consumer)
    if assignment is None:
        return {}
    states = {partition: assignment.state_value(partition) for partition in assignment.tps}
    return {partition: state.position for partition, state in states.items() if state.has_valid_position}


async def _step_over(consumer: AIOKafkaConsumer, max_records: int) -> Batches:
    """Read one by one, each partition in turn, up to the unreadable record."""
    held = _assignment(consumer)
    found: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = {}
    deadline = Deadline.after(_STEPS_LIMIT_S, SystemClock())
    while sum(map(len, found.values())) < max_records and not deadline.expired:
        taken = 0
        for partition in sorted(consumer.assignment()):
            try:
                batch = (await consumer.getmany(partition, max_records=1)).get(partition, [])
            except UNREADABLE:
                offset = positions(consumer)[partition]
                log.warning("record_unreadable", topic=partition.topic, partition=partition.partition, offset=offset)
                consumer.seek(partition, offset + 1)
                found.setdefault(partition, []).append(_without_content(partition, offset))
                return found
            if _assignment(consumer) is not held:
                raise RuntimeError("The partitions moved while an unreadable record was stepped over; start again.")
            if batch:
                found.setdefault(partition, []).extend(batch)
                taken += len(batch)
        if not taken:
            await asyncio.sleep(_STEP_S)
    return found


def _without_content(partition: TopicPartition, offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(
        partition.topic, partition.partition, offset, 0, 0, None, None, None, -1, -1, UNREADABLE_HEADERS
    )


def _assignment(consumer: AIOKafkaConsumer) -> Any:
    # Untyped in the library; an object of its own for each time the group shared the partitions out.
    return getattr(consumer._subscription.subscription, "assignment", None)
