"""Turn Kafka records into typed messages and typed messages into Kafka records."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from readmit_contracts import envelope as wire
from readmit_contracts.envelope import Envelope
from readmit_contracts.fields import Message
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import Topic

from readmit_runtime import trace_context
from readmit_runtime.errors import Rejected

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of one topic: the unit of order, assignment and offsets."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.number}"


@dataclass(frozen=True, slots=True)
class IncomingRecord:
    """One record as the broker delivered it; key, value and header values are the original bytes."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    """Milliseconds since 1970 UTC: the sender's clock, or the broker's where the topic says LogAppendTime."""


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """One record to be written; the key decides the partition, a value of None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers = ()


def outgoing(
    topic: Topic,
    message: Message,
    *,
    source: str,
    id: UUID,  # noqa: A002 - the CloudEvents attribute's own name
    key: str | None = None,
    subject: str | None = None,
    time: datetime | None = None,
    traceparent: str | None = None,
) -> OutgoingRecord:
    """Wrap a JSON message for `topic`, under the message's own key unless another is given.

    The same arguments give the same bytes; without `traceparent` the message belongs to the current trace. Raises
    ValueError when the topic does not carry such messages or the message is not within its bounds.
    """
    if type(message) not in topic.messages:
        raise ValueError(f"{topic.name} does not carry {type(message).__name__}; see readmit_contracts.topics.")
    envelope = Envelope(
        id=id,
        type=ce_type(type(message)),
        source=source,
        subject=subject,
        time=time,
        traceparent=traceparent or trace_context.current(),
    )
    return OutgoingRecord(
        topic=topic.name,
        key=(message.key() if key is None else key).encode(),
        value=wire.encode(message),
        headers=wire.to_headers(envelope),
    )


def incoming(record: IncomingRecord) -> tuple[Envelope, Message]:
    """Read a record that carries a JSON message; raises Rejected, whose text never echoes a value."""
    try:
        envelope = wire.from_headers(record.headers)
        return envelope, wire.decode(envelope.type, record.value)
    except wire.MessageInvalid as error:
        raise Rejected(error.reason, error.detail) from None
