from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readmit_contracts.commands import CancelIngestion, NextBatches, StartIngestion, TrainModel
from readmit_contracts.envelope import (
    Envelope,
    EnvelopeInvalid,
    MessageInvalid,
    Undecodable,
    UnknownType,
    decode,
    encode,
    from_headers,
    to_headers,
)
from readmit_contracts.events import ModelEvaluated
from readmit_contracts.fields import Message
from readmit_contracts.reasons import Reason
from support.message_examples import COMMAND_ID, EXAMPLES, RUN_ID

START = "readmit.StartIngestion.v1"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ENVELOPE = Envelope(
    id=COMMAND_ID,
    type=START,
    source="readmit/cli",
    subject="store",
    time=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
    traceparent=TRACEPARENT,
)


def test_an_envelope_reads_back_as_written() -> None:
    """What one service writes is all that the next one knows."""
    assert from_headers(to_headers(ENVELOPE)) == ENVELOPE
    bare = Envelope(id=COMMAND_ID, type=START, source="readmit/cli")
    assert from_headers(to_headers(bare)) == bare


def test_headers_are_those_of_the_cloudevents_kafka_binding() -> None:
    """Foreign tools read these names; an absent attribute has no header instead of an empty one."""
    assert to_headers(Envelope(id=COMMAND_ID, type=START, source="readmit/cli")) == (
        ("ce_specversion", b"1.0"),
        ("ce_id", str(COMMAND_ID).encode()),
        ("ce_type", b"readmit.StartIngestion.v1"),
        ("ce_source", b"readmit/cli"),
        ("content-type", b"application/json"),
    )


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "ce_type", "ce_source", "content-type"])
def test_a_required_header_must_be_there_once(name: str) -> None:
    """Of two ids neither can be the one that makes the command act once."""
    headers = to_headers(ENVELOPE)
    with pytest.raises(EnvelopeInvalid, match=name):
        from_headers([header for header in headers if header[0] != name])
    with pytest.raises(EnvelopeInvalid, match=name):
        from_headers([*headers, (name, b"again")])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("ce_id", b"secret"),
        ("ce_type", b"secret"),
        ("ce_type", b"readmit.Secret.v0"),
        ("ce_source", b""),
        ("ce_source", None),
        ("ce_source", b"secret\xff"),
        ("ce_source", b"secret\n"),
        ("ce_source", b"secret" * 100),
        ("ce_subject", b"secret\0"),
        ("ce_time", b"secret"),
        ("ce_time", b"2024-05-06T07:08:09"),
    ],
)
def test_a_header_that_cannot_be_read_is_named_and_never_quoted(name: str, value: bytes | None) -> None:
    """The text goes to logs and dead letters, where a foreign value has no place."""
    headers = [(header, value if header == name else old) for header, old in to_headers(ENVELOPE)]
    with pytest.raises(EnvelopeInvalid, match=name) as caught:
        from_headers(headers)
    assert caught.value.reason is Reason.DECODE
    assert "secret" not in str(caught.value).lower()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        None,
        b"00-zz",
        b"\xff" * 55,
        TRACEPARENT.encode() + b"\n",
        TRACEPARENT.encode() * 20,
        TRACEPARENT.upper().encode(),
        b"ff" + TRACEPARENT.encode()[2:],
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01",
    ],
)
def test_a_broken_traceparent_stops_no_message(value: bytes | None) -> None:
    """Tracing is a help; a command refused for its sake would be a fault."""
    headers = [(name, value if name == "traceparent" else old) for name, old in to_headers(ENVELOPE)]
    assert from_headers(headers).traceparent is None


def test_of_two_traceparents_none_counts() -> None:
    """Nobody can tell which is the cause, and the message is good all the same."""
    assert from_headers([*to_headers(ENVELOPE), ("traceparent", TRACEPARENT.encode())]).traceparent is None


def test_equal_messages_have_equal_bytes_in_whatever_order_their_maps_were_filled() -> None:
    """A repeated command is recognised by its bytes."""
    one = StartIngestion(batches={"train": "all", "test": (1,), "validation": NextBatches(next=2)})
    other = StartIngestion(batches={"validation": NextBatches(next=2), "test": (1,), "train": "all"})
    assert encode(one) == encode(other)
    assert encode(one) == (
        b'{"batches":{"test":[1],"train":"all","validation":{"next":2}},'
        b'"then":"train_and_promote","dataset_sha256":null}'
    )


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_reads_back_as_written(message: Message) -> None:
    """The store keeps the bytes of events; they must say the same later."""
    assert decode(f"readmit.{type(message).__name__}.v1", encode(message)) == message


def test_a_message_out_of_its_bounds_is_not_sent() -> None:
    """The reader would park it, long after the one who made it has gone on."""
    with pytest.raises(ValueError, match=r"CancelIngestion .* at \$\.reason"):
        encode(CancelIngestion(run_id=RUN_ID, reason=""))


def test_a_figure_that_is_no_number_is_not_sent() -> None:
    """JSON has no NaN; it would arrive as null, in another type."""
    evaluated = next(message for message in EXAMPLES if isinstance(message, ModelEvaluated))
    with pytest.raises(ValueError, match="ModelEvaluated"):
        encode(msgspec.structs.replace(evaluated, metrics={"auroc": float("nan")}))


def test_an_unregistered_message_is_not_sent() -> None:
    """No reader could decode it."""

    class Novelty(Message, frozen=True, kw_only=True):
        """A type that nobody registered."""

    with pytest.raises(ValueError, match="Novelty is not a registered message"):
        encode(Novelty())


def test_an_unknown_type_is_told_from_an_unreadable_value() -> None:
    """One asks for a newer version, the other for a better writer."""
    with pytest.raises(UnknownType) as unknown:
        decode("readmit.Secret.v9", b"{}")
    assert unknown.value.reason is Reason.UNKNOWN_TYPE
    assert "Secret" not in str(unknown.value)
    with pytest.raises(UnknownType):
        decode("readmit.Chunk.v1", b"dataset_no")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (b'{"batches":{"secret":"all"}}', ""),
        (b'{"batches":{"train":"secret"}}', " at $.batches[...]"),
        (b'{"batches":{"train":[-1]}}', " at $.batches[...][0]"),
        (b'{"batches":{"train":[]}}', " at $.batches[...]"),
        (b'{"batches":{"train":{"next":1,"secret":2}}}', " at $.batches[...]"),
        (b'{"batches":{"train":{"next":0}}}', " at $.batches[...].next"),
        (b'{"batches":{"train":"all"},"then":"secret"}', " at $.then"),
        (b'{"batches":{"train":"all"},"dataset_sha256":"secret"}', " at $.dataset_sha256"),
        (b'{"batches":{}}', " at $.batches"),
        (b'{"then":"train"}', ""),
        (b'["secret"]', ""),
    ],
)
def test_a_value_against_its_type_is_placed_and_never_quoted(value: bytes, place: str) -> None:
    """The text goes to logs and dead letters, where a foreign value has no place."""
    with pytest.raises(Undecodable) as caught:
        decode(START, value)
    assert caught.value.reason is Reason.DECODE
    assert str(caught.value) == f"The {START} is not as its type says{place}."


@pytest.mark.parametrize("value", [b"{", b"secret", b"\xff", b'"\xff"', b"{}{}", b'{"then":' + b"[" * 100_000])
def test_what_is_not_json_is_undecodable(value: bytes) -> None:
    """Whatever bytes arrive, the loop gets an answer it can act on."""
    with pytest.raises(Undecodable, match=r"^The readmit\.StartIngestion\.v1 is not") as caught:
        decode(START, value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", [None, b""])
def test_an_absent_value_is_named_empty(value: bytes | None) -> None:
    """A tombstone on a topic that has none is a writer's mistake of its own kind."""
    with pytest.raises(Undecodable) as caught:
        decode(START, value)
    assert caught.value.reason is Reason.EMPTY


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_decode_or_are_refused(value: bytes) -> None:
    """No message may end the loop that reads it."""
    with suppress(MessageInvalid):
        assert isinstance(decode("readmit.TrainModel.v1", value), TrainModel)


def test_fields_of_a_newer_writer_are_ignored() -> None:
    """Writers are updated before readers; a field more must not park every message."""
    assert decode("readmit.TrainModel.v1", b'{"force":true,"priority":3}') == TrainModel(force=True)


def test_a_line_feed_after_a_bounded_text_is_refused() -> None:
    """A pattern that ends in `$` alone would let it into keys and object names."""
    with pytest.raises(Undecodable):
        decode("readmit.TrainModel.v1", b'{"model":"readmission\\n"}')


def test_an_id_is_read_in_any_spelling_and_written_in_one() -> None:
    """The inbox compares ids, not texts."""
    shouted = ("ce_id", str(COMMAND_ID).upper().encode())
    headers = [shouted if header[0] == "ce_id" else header for header in to_headers(ENVELOPE)]
    assert from_headers(headers) == ENVELOPE
