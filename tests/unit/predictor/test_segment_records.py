from hypothesis import given
from hypothesis import strategies as st
from predictor.spool.segment_records import SegmentRecords, frame

RECORDS = [b"one", b"two two", b"three three three"]


def _written(records: list[bytes]) -> bytes:
    return b"".join(frame(record) for record in records)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=30))
def test_records_are_read_as_they_were_written(records: list[bytes]) -> None:
    """Whatever bytes a record has, none of them ends it."""
    read = SegmentRecords(_written(records))
    assert list(read) == records
    assert read.torn_bytes == 0


def test_a_segment_cut_at_any_byte_is_read_up_to_its_last_whole_record() -> None:
    """A process is killed at any moment of its write, and what it had written before must not go with it."""
    data = _written(RECORDS)
    ends = [len(_written(RECORDS[:count])) for count in range(len(RECORDS) + 1)]
    for length in range(len(data) + 1):
        read = SegmentRecords(data[:length])
        whole = max(count for count, end in enumerate(ends) if end <= length)
        assert list(read) == RECORDS[:whole]
        assert read.torn_bytes == length - ends[whole]


def test_a_damaged_byte_never_gives_a_record_that_was_not_written() -> None:
    """A record that is shipped was answered; a wrong one would be worse than none."""
    data = _written(RECORDS)
    for place in range(len(data)):
        damaged = data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]
        read = list(SegmentRecords(damaged))
        assert read == RECORDS[: len(read)]
        assert len(read) < len(RECORDS)


def test_zeros_at_the_end_are_no_record() -> None:
    """Some file systems leave them behind a crash, and zero is the checksum of nothing."""
    read = SegmentRecords(_written(RECORDS) + bytes(64))
    assert list(read) == RECORDS
    assert read.torn_bytes == 64
