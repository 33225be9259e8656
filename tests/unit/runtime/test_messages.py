"""Records and typed messages: what goes out comes in, and what cannot be read says why without echoing it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from readmit_contracts.commands import TrainModel
from readmit_contracts.topics import INGESTION_COMMANDS, TRAINING_COMMANDS
from readmit_runtime.errors import Rejected
from readmit_runtime.messages import IncomingRecord, OutgoingRecord, incoming, outgoing
from support.message_examples import EXAMPLES

COMMAND_ID = UUID("11111111-1111-5111-8111-111111111111")
COMMAND = next(example for example in EXAMPLES if isinstance(example, TrainModel))


def as_delivered(record: OutgoingRecord) -> IncomingRecord:
    """Return the record as a broker would deliver it."""
    return IncomingRecord(
        topic=record.topic,
        partition=0,
        offset=0,
        key=record.key,
        value=record.value,
        headers=record.headers,
        timestamp_ms=0,
    )


def test_a_message_comes_in_as_it_went_out() -> None:
    """One pair of functions is the only way in and out."""
    record = outgoing(TRAINING_COMMANDS, COMMAND, source="cli", id=COMMAND_ID, subject="a")
    envelope, message = incoming(as_delivered(record))
    assert message == COMMAND
    assert (envelope.id, envelope.source, envelope.subject) == (COMMAND_ID, "cli", "a")
    assert record.key == COMMAND.key().encode()
    assert outgoing(TRAINING_COMMANDS, COMMAND, source="cli", id=COMMAND_ID, key="other").key == b"other"


def test_the_same_command_has_the_same_bytes() -> None:
    """A repeated command is told from a conflicting one by its bytes."""
    first, second = (outgoing(TRAINING_COMMANDS, COMMAND, source="cli", id=COMMAND_ID) for _ in range(2))
    assert first == second


def test_a_topic_takes_only_the_messages_it_carries() -> None:
    """A message on the wrong topic would be parked by every reader."""
    with pytest.raises(ValueError, match="does not carry TrainModel"):
        outgoing(INGESTION_COMMANDS, COMMAND, source="cli", id=COMMAND_ID)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": None}, "EMPTY"),
        ({"value": b"secret-canary"}, "DECODE"),
        ({"headers": ()}, "DECODE"),
        ({"headers": "unknown type"}, "UNKNOWN_TYPE"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_its_reason(change: dict[str, Any], reason: str) -> None:
    """The loop parks it; the text may go to logs and headers, so it holds no value."""
    record = as_delivered(outgoing(TRAINING_COMMANDS, COMMAND, source="cli", id=COMMAND_ID))
    if change.get("headers") == "unknown type":
        change = {"headers": tuple((n, b"readmit.Other.v1" if n == "ce_type" else v) for n, v in record.headers)}
    with pytest.raises(Rejected) as caught:
        incoming(replace(record, **change))
    assert caught.value.reason == reason
    assert "canary" not in str(caught.value)
