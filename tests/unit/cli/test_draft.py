"""What may be written to a topic by hand."""

import json
from uuid import UUID

import msgspec
import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.topic_views.draft import MOST_BYTES, draft, require_writable
from readmit_contracts.topics import BATCHES, EVERY_TOPIC, INGESTION_COMMANDS, INGESTION_EVENTS, TOPICS, dead_letter
from readmit_runtime.messages import OutgoingRecord, outgoing
from support.message_examples import EXAMPLES

ID = UUID("0b0c4f43-7d6a-4f0e-9a55-3c2f1f6f1a01")
CANCEL = {"run_id": str(ID), "reason": "enough"}
WRITABLE = [message for message in EXAMPLES if any(type(message) in t.messages and "cli" in t.writers for t in TOPICS)]


def drafted(value, *, type_name="CancelIngestion", topic=INGESTION_COMMANDS, key=None) -> OutgoingRecord:
    """Give what a value makes."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return draft(topic, type_name, data, key=key, id_=ID)


@pytest.mark.parametrize("message", WRITABLE, ids=lambda message: type(message).__name__)
def test_what_the_contract_allows_is_written_as_a_service_would(message):
    """The reader must not be able to tell the two apart."""
    topic = next(topic for topic in TOPICS if type(message) in topic.messages)
    value = msgspec.json.format(msgspec.json.encode(message), indent=2)
    expected = outgoing(topic, message, source="/readmit/cli", id=ID)
    assert drafted(value, type_name=type(message).__name__, topic=topic) == expected
    assert drafted(value, type_name=f"readmit.{type(message).__name__}.v1", topic=topic) == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"{", "is not JSON"),
        (b"", "has no value"),
        ({"reason": "enough"}, "not as its type says"),
        ({**CANCEL, "reason": ""}, r"at \$\.reason"),
        ({**CANCEL, "run_id": 7}, r"at \$\.run_id"),
        ({**CANCEL, "raeson": "x"}, r"has no raeson"),
        (b" " * (MOST_BYTES + 1), "bytes"),
    ],
)
def test_a_value_that_its_type_does_not_allow_is_refused_with_the_place(value, problem):
    """A service would set it aside; a misspelt field it would not even notice."""
    with pytest.raises(CommandFailed, match=problem) as caught:
        drafted(value)
    assert caught.value.code is ExitCode.USAGE


def test_a_type_that_the_topic_does_not_carry_is_refused_and_the_likeliest_named():
    """Its reader would set it aside."""
    with pytest.raises(CommandFailed, match="did you mean CancelIngestion"):
        drafted(CANCEL, type_name="CancelIngestoin")
    with pytest.raises(CommandFailed, match="it carries StartIngestion, CancelIngestion"):
        drafted(CANCEL, type_name="X")


def test_another_key_than_the_messages_own_is_refused():
    """Messages keep their order by key; commands of one store must all have one."""
    assert drafted(CANCEL, key="store").key == b"store"
    with pytest.raises(CommandFailed, match="is store, not mine"):
        drafted(CANCEL, key="mine")


def test_only_topics_that_the_contract_gives_to_the_command_line_are_written():
    """What a service says of itself stands in its tables too; said by hand it would be true in Kafka alone."""
    for topic in (INGESTION_EVENTS, BATCHES["train"], dead_letter(INGESTION_COMMANDS)):
        with pytest.raises(CommandFailed, match="is written by"):
            require_writable(topic)
    writable = [topic for topic in EVERY_TOPIC if not refused(topic)]
    assert {topic.name for topic in writable} == {
        "readmit.ingestion.commands.v1",
        "readmit.quarantine.commands.v1",
        "readmit.training.commands.v1",
        "readmit.models.commands.v1",
        "readmit.access.keys.v1",
    }


def refused(topic) -> bool:
    """Tell whether nobody may write the topic by hand."""
    try:
        require_writable(topic)
    except CommandFailed:
        return True
    return False
