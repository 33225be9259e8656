"""Make commands as the broker delivers them."""

from uuid import UUID

from readmit_contracts.fields import Message
from readmit_contracts.topics import TOPICS
from readmit_runtime.messages import IncomingRecord, outgoing


def command_record(command: Message, command_id: UUID) -> IncomingRecord:
    """Give a command as the broker delivers it from the topic that carries it."""
    topic = next(topic for topic in TOPICS if type(command) in topic.messages)
    record = outgoing(topic, command, source="/test", id=command_id)
    return IncomingRecord(
        topic=record.topic,
        partition=0,
        offset=0,
        key=record.key,
        value=record.value,
        headers=record.headers,
        timestamp_ms=0,
    )
