from uuid import UUID

import msgspec
import pytest
from predictor.delivery import SOURCE
from predictor.spool.chunks import CHUNK_BYTES, CHUNK_RECORDS, Chunk, cut
from readmit_contracts import ids
from readmit_contracts.envelope import MessageInvalid, decode, encode, from_headers
from readmit_contracts.events import PredictionsMade
from readmit_contracts.registry import ce_type
from support.prediction_records import prediction_record

SEGMENT = UUID(int=77)


def _encoded(count: int) -> list[bytes]:
    return [msgspec.json.encode(prediction_record(number)) for number in range(count)]


def test_a_segment_is_cut_at_fixed_counts() -> None:
    """The ledger knows a chunk by its number: cut elsewhere, a second shipping would lose what changed its chunk."""
    chunks = list(cut(_encoded(2 * CHUNK_RECORDS + 1)))
    assert [(chunk.number, len(chunk.records)) for chunk in chunks] == [(0, CHUNK_RECORDS), (1, CHUNK_RECORDS), (2, 1)]
    assert (CHUNK_RECORDS, CHUNK_BYTES) == (200, 512 * 1024)  # a change needs another ending of the segment files
    assert list(cut([])) == []


def test_the_records_of_a_longer_segment_are_cut_as_those_of_its_beginning() -> None:
    """A torn end that one process sees and another does not must not move the places before it."""
    records = _encoded(CHUNK_RECORDS + 50)
    assert next(cut(records)) == next(cut(records[: CHUNK_RECORDS + 3]))


def test_large_records_make_chunks_of_fewer() -> None:
    """With inputs a chunk of full count could be above what a message may hold."""
    records = [b"x" * 5_000] * 300
    chunks = list(cut(records))
    assert [record for chunk in chunks for record in chunk.records] == records
    assert max(sum(map(len, chunk.records)) for chunk in chunks) <= CHUNK_BYTES
    assert len(chunks) > 2


def test_a_chunk_is_shipped_as_its_message_with_the_bytes_that_were_appended() -> None:
    """Whoever ships it, whenever: key, id, time and value are the same."""
    chunk = Chunk(3, tuple(_encoded(2)))
    message = chunk.message("predictor-1", SEGMENT)
    made = PredictionsMade(
        replica="predictor-1", segment=SEGMENT, chunk=3, records=(prediction_record(0), prediction_record(1))
    )
    assert message.value == encode(made)
    assert message.key.decode() == made.key()
    envelope = from_headers(message.headers)
    assert envelope.id == ids.event_id(ce_type(PredictionsMade), "predictor-1", SEGMENT, 3)
    assert (envelope.source, envelope.time) == (SOURCE, prediction_record(0).at)
    assert chunk.message("predictor-1", SEGMENT) == message


def test_a_record_of_a_newer_release_keeps_the_fields_that_this_one_does_not_know() -> None:
    """An older process may adopt what a newer one left; its reader may know more than either."""
    newer = _encoded(1)[0][:-1] + b',"explained":true}'
    value = Chunk(0, (newer,)).message("predictor-1", SEGMENT).value
    assert value is not None
    assert newer in value
    decode(ce_type(PredictionsMade), value)


def test_what_no_reader_would_take_is_told_before_it_is_published() -> None:
    """It would end in the dead letters, with 199 good ones."""
    with pytest.raises(MessageInvalid):
        Chunk(0, (b'{"prediction_id":1}',)).message("predictor-1", SEGMENT)
