"""The Kafka record of a chunk."""

from batch_producer.planning.chunk_plan import plan_chunks
from batch_producer.streaming.records import chunk_record
from readmit_contracts.chunks import Chunk, cut, read_headers, read_payload
from readmit_contracts.envelope import from_headers
from readmit_contracts.source import SourceFile
from support.skeleton_dataset import skeleton

SOURCE = SourceFile.parse(skeleton(train=3, validation=15_501))


def chunks(*, generation: int = 1) -> list[Chunk]:
    """Give the chunks of the second batch of validation."""
    batch = SOURCE.batches("validation")[1]
    return list(
        cut(
            SOURCE.batch_lines(batch),
            dataset_id=SOURCE.dataset_id,
            dataset_no=7,
            generation=generation,
            split="validation",
            batch=1,
            first_row=batch.first_row,
        )
    )


def test_a_record_goes_to_its_splits_topic_under_the_chunks_key() -> None:
    """Chunks of one split share a topic, and a chunk sent twice must meet itself in one partition."""
    record = chunk_record(chunks()[1])

    assert record.topic == "readmit.batches.validation.v1"
    assert record.key == f"{SOURCE.dataset_id}:1:1".encode()


def test_a_record_can_be_read_as_the_ingestor_reads_it() -> None:
    """Envelope, headers and payload must agree, or the chunk is parked."""
    chunk = chunks()[0]
    record = chunk_record(chunk)

    envelope = from_headers(record.headers)
    headers = read_headers(record.headers)
    assert (envelope.type, envelope.content_type, envelope.subject) == (
        "readmit.Chunk.v1",
        "text/csv",
        "validation/1/0",
    )
    assert (headers.first_row, headers.rows, headers.dataset_no, headers.sha256) == (15_000, 500, 7, chunk.sha256)
    assert read_payload(headers, record.value)[0].startswith(b"7,15000,")


def test_the_same_chunk_is_the_same_record_to_the_byte() -> None:
    """Whoever sends it again sends a repeat, not a second chunk; so no clock and no chance may be in it."""
    assert [chunk_record(chunk) for chunk in chunks()] == [chunk_record(chunk) for chunk in chunks()]


def test_each_chunk_of_each_generation_has_an_id_of_its_own() -> None:
    """Readers that drop repeats by id must not drop another chunk, nor the same one after a reset."""
    records = [chunk_record(chunk) for generation in (1, 2) for chunk in chunks(generation=generation)]

    assert len({from_headers(record.headers).id for record in records}) == len(records) == 4


def test_the_plan_has_the_digest_of_every_generations_bytes() -> None:
    """The plan is made once; after a reset the same digests must hold."""
    planned = {(chunk.split, chunk.batch, chunk.chunk): chunk.sha256 for chunk in plan_chunks(SOURCE, 7)}

    assert [planned["validation", 1, chunk.chunk] for chunk in chunks(generation=9)] == [
        chunk.sha256 for chunk in chunks()
    ]
    assert len(planned) == 1 + 30 + 2
