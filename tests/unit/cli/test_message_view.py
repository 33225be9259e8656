"""What an operator sees of a message, and what stays hidden."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from readmit_cli.topic_views import rendering
from readmit_cli.topic_views.message_view import printable, view
from readmit_contracts.topics import TOPICS
from readmit_runtime.dead_letters import dead_letter
from readmit_runtime.messages import IncomingRecord, OutgoingRecord, outgoing
from support.encounters import all_chunks, delivered, encounters
from support.message_examples import EXAMPLES

ID = UUID("0b0c4f43-7d6a-4f0e-9a55-3c2f1f6f1a01")
TOPIC_OF = {message: topic for topic in TOPICS for message in topic.messages}


def incoming(record: OutgoingRecord) -> IncomingRecord:
    """Give the record as the broker delivers it."""
    return IncomingRecord(record.topic, 2, 41, record.key, record.value, record.headers, 1_767_225_600_123)


def stored(message) -> IncomingRecord:
    """Give a JSON message as the broker delivers it."""
    return incoming(outgoing(TOPIC_OF[type(message)], message, source="/test", id=ID))


def chunk() -> IncomingRecord:
    """Give a chunk as the broker delivers it."""
    source = encounters(700)
    return delivered(next(iter(all_chunks(source, 1))), offset=7)


def text(record: IncomingRecord, *, values: bool = False, compact: bool = True) -> str:
    """Give what is printed of a record."""
    return rendering.message(view(record, values=values), compact=compact).plain


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_every_json_message_is_shown_with_its_type_key_place_and_content(message):
    """Nobody should need another tool to read what stands in Kafka."""
    record = stored(message)
    shown = text(record)
    head, _, body = shown.partition("\n")
    assert head.startswith("2026-01-01 00:00:00.123Z  2@41  readmit.")
    assert type(message).__name__ in head
    assert message.key() in head
    assert msgspec.json.decode(body) == msgspec.json.decode(record.value)


def test_json_is_indented_unless_it_is_wanted_on_one_line():
    """People read the one, grep the other."""
    record = stored(EXAMPLES[0])
    assert len(text(record, compact=True).splitlines()) == 2
    assert len(text(record, compact=False).splitlines()) > 5


def test_of_a_chunk_only_its_headers_and_sizes_are_shown():
    """Its rows are patients' data."""
    record = chunk()
    shown = text(record)
    assert "split=train" in shown
    assert "rows=" in shown
    assert f"bytes={len(record.value)}" in shown
    assert "Caucasian" not in shown
    assert view(record, values=False).value is None


def test_a_chunks_rows_are_shown_when_they_are_asked_for():
    """The operator of a local stack may look."""
    assert "Caucasian" in text(chunk(), values=True)


def test_a_parked_row_is_shown_with_why_and_where_and_without_its_values():
    """The dead letter topic says what is wrong with a row, not what is in it."""
    record = chunk()
    line = record.value.split(b"\n")[1]
    parked = incoming(
        dead_letter(replace(record, value=line), "NOT_ALLOWED", "row 0 of train: race is not", consumer="ingestor")
    )
    shown = text(parked)
    assert "reason=NOT_ALLOWED" in shown
    assert "offset=7" in shown
    assert "Caucasian" not in shown


@pytest.mark.parametrize("value", [b"{not json", b'{"run_id": "secret"}', None])
def test_a_value_that_is_not_what_its_type_says_is_measured_and_not_shown(value):
    """What can't be read may hold anything."""
    record = replace(stored(EXAMPLES[1]), value=value)
    shown = text(record)
    assert "secret" not in shown
    assert ("bytes)" in shown) or ("no value" in shown)


def test_a_record_without_an_envelope_or_of_an_unknown_type_is_still_listed():
    """A tail that stops at a foreign record is of no use."""
    bare = replace(stored(EXAMPLES[1]), headers=(), key=None)
    assert "no type" in text(bare)
    assert "(no key)" in text(bare)
    headers = tuple(
        (name, b"readmit.Unheard.v9" if name == "ce_type" else value) for name, value in stored(EXAMPLES[1]).headers
    )
    assert "not known here" in text(replace(stored(EXAMPLES[1]), headers=headers))


def test_the_inputs_of_predictions_are_hidden_unless_they_are_asked_for():
    """A replica that keeps them sends the patient's encounter along."""
    made = next(message for message in EXAMPLES if type(message).__name__ == "PredictionsMade")
    kept = msgspec.structs.replace(made.records[0], input_json='{"race": "Caucasian"}')
    record = stored(msgspec.structs.replace(made, records=(kept, *made.records)))
    assert "Caucasian" not in text(record)
    assert "(21 characters)" in text(record)
    assert "Caucasian" in text(record, values=True)


def test_headers_are_decoded_for_people_and_machines():
    """Who asked, when, and in which trace is in them."""
    sent = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    message = EXAMPLES[0]
    record = incoming(
        outgoing(TOPIC_OF[type(message)], message, source="/test", id=ID, subject="run/1", time=sent, traceparent=trace)
    )
    found = view(record, values=False)
    assert (found.id, found.source, found.subject, found.sent, found.traceparent) == (ID, "/test", "run/1", sent, trace)
    line = text(record, compact=False).splitlines()[1]
    assert line.split() == [
        f"id={ID}",
        "source=/test",
        "subject=run/1",
        "sent=2026-01-02T03:04:05+00:00",
        f"traceparent={trace}",
    ]


def test_control_characters_reach_no_terminal():
    """A key or a value could otherwise repaint the operator's screen."""
    assert printable(b"a\x1b[2Jb\nc\x7f\xff") == "a\\x1b[2Jb\nc\\x7f\\xff"
    record = replace(stored(EXAMPLES[1]), key=b"\x1b[31m")
    assert "\x1b" not in text(record)


def test_the_json_of_a_view_names_only_what_the_message_has():
    """Machines get one flat object for each message."""
    shown = msgspec.json.decode(msgspec.json.encode(view(stored(EXAMPLES[0]), values=False)))
    assert shown.keys() == {"topic", "partition", "offset", "time", "key", "type", "id", "source", "body"}
