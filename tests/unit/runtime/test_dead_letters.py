"""Parked messages: nothing is lost, nothing is parked twice, and a wrong release does not park a topic."""

from dataclasses import replace

import pytest
from readmit_contracts.topics import INGESTION_COMMANDS
from readmit_contracts.topics import dead_letter as dead_letter_topic
from readmit_runtime.dead_letters import (
    WHOLE_MAX_BYTES,
    DeadLetterLimit,
    TooManyDeadLetters,
    dead_letter,
    dead_letter_id,
)
from readmit_runtime.messages import IncomingRecord

RECORD = IncomingRecord(
    topic=INGESTION_COMMANDS.name,
    partition=3,
    offset=17,
    key=b"store",
    value=b"\xffnot json",
    headers=(("ce_id", b"1"), ("odd", b"\xff")),
    timestamp_ms=1,
)


def test_a_dead_letter_keeps_the_original_bytes_and_says_why_and_where() -> None:
    """It can be repaired and sent again only if nothing of it was changed."""
    parked = dead_letter(RECORD, "DECODE", "The value is not JSON.", consumer="batch_producer")
    assert parked.topic == dead_letter_topic(INGESTION_COMMANDS).name
    assert (parked.key, parked.value) == (RECORD.key, RECORD.value)
    assert parked.headers[:2] == RECORD.headers
    assert dict(parked.headers[2:]) == {
        "readmit_dlq_reason": b"DECODE",
        "readmit_dlq_detail": b"The value is not JSON.",
        "readmit_dlq_consumer": b"batch_producer",
        "readmit_dlq_topic": RECORD.topic.encode(),
        "readmit_dlq_partition": b"3",
        "readmit_dlq_offset": b"17",
    }


def test_a_message_parked_a_second_time_says_where_it_failed_last() -> None:
    """A sent-again message carries the headers of its first parking; two answers to `why` would be none."""
    first = dead_letter(RECORD, "DECODE", "first", consumer="a")
    again = dead_letter(replace(RECORD, headers=first.headers, offset=18), "DECODE", "second", consumer="a")
    assert [value for name, value in again.headers if name == "readmit_dlq_detail"] == [b"second"]
    assert [value for name, value in again.headers if name == "readmit_dlq_offset"] == [b"18"]


@pytest.mark.parametrize("headers", [(("many", b"x" * 100),) * 10_000, ()])
def test_a_record_that_unpacks_to_more_than_fits_is_parked_without_its_bytes(
    headers: tuple[tuple[str, bytes], ...],
) -> None:
    """A dead letter that cannot be published would hold up every later one."""
    bomb = replace(RECORD, value=b"x" * WHOLE_MAX_BYTES, headers=headers, key=b"k" * 5_000)
    parked = dead_letter(bomb, "TOO_LARGE", "d" * 10_000, consumer="ingestor")
    assert parked.value is None
    assert int(dict(parked.headers)["readmit_dlq_omitted_bytes"]) > WHOLE_MAX_BYTES
    assert len(parked.key) + sum(len(name) + len(value) for name, value in parked.headers) < 3_000


def test_headers_count_with_what_it_takes_to_write_them() -> None:
    """Hundreds of thousands of tiny ones compress to nothing, and would never fit unpacked."""
    parked = dead_letter(replace(RECORD, headers=(("n", b""),) * 200_000), "DECODE", "many", consumer="ingestor")
    assert [name for name, _ in parked.headers if not name.startswith("readmit_dlq_")] == []


def test_a_record_without_key_or_value_can_be_parked() -> None:
    """Other writers may send anything."""
    parked = dead_letter(replace(RECORD, key=None, value=None), "EMPTY", "", consumer="ingestor")
    assert (parked.key, parked.value) == (b"", None)


def test_a_redelivered_record_has_the_same_id_and_any_other_another() -> None:
    """The outbox keeps one row per id: parked exactly once, however often it is delivered."""
    assert dead_letter_id(RECORD) == dead_letter_id(replace(RECORD, timestamp_ms=2))
    others = [
        replace(RECORD, topic="readmit.other.v1"),
        replace(RECORD, partition=4),
        replace(RECORD, offset=18),
        replace(RECORD, value=b"other"),
    ]
    assert len({dead_letter_id(record) for record in [RECORD, *others]}) == 5


def test_the_limit_counts_across_groups_and_a_good_message_starts_it_anew() -> None:
    """Now and then a bad message is life; nothing but bad ones is a fault of ours."""
    limit = DeadLetterLimit(5)
    limit.observe(good=0, parked=5)
    limit.observe(good=1, parked=40)
    limit.observe(good=0, parked=3)
    limit.observe(good=0, parked=2)
    with pytest.raises(TooManyDeadLetters, match="6 messages in a row"):
        limit.observe(good=0, parked=1)


def test_a_limit_below_one_is_refused() -> None:
    """It would end the process at the first good message."""
    with pytest.raises(ValueError, match="at least 1"):
        DeadLetterLimit(0)
