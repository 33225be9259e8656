"""Turn chunks into Kafka records: the same chunk of the same generation is the same record, but for the trace."""

from readmit_contracts import ids
from readmit_contracts.chunks import CHUNK_CONTENT_TYPE, Chunk, headers
from readmit_contracts.envelope import Envelope, to_headers
from readmit_contracts.registry import CHUNK_TYPE
from readmit_contracts.topics import BATCHES
from readmit_runtime import trace_context
from readmit_runtime.messages import OutgoingRecord

from batch_producer.announcements import SOURCE


def chunk_record(chunk: Chunk) -> OutgoingRecord:
    """Return the record of a chunk, for the topic of its split."""
    envelope = Envelope(
        id=ids.event_id(
            CHUNK_TYPE, chunk.dataset_id, chunk.dataset_no, chunk.generation, chunk.split, chunk.batch, chunk.chunk
        ),
        type=CHUNK_TYPE,
        source=SOURCE,
        subject=f"{chunk.split}/{chunk.batch}/{chunk.chunk}",
        traceparent=trace_context.current(),
        content_type=CHUNK_CONTENT_TYPE,
    )
    return OutgoingRecord(
        topic=BATCHES[chunk.split].name,
        key=chunk.message_key().encode(),
        value=chunk.payload,
        headers=(*to_headers(envelope), *headers(chunk)),
    )
