"""Tell a record that is a chunk from one that can't be used."""

from dataclasses import dataclass
from functools import cached_property

from readmit_contracts import chunks, envelope
from readmit_contracts.chunks import ChunkHeaders
from readmit_contracts.reasons import Reason
from readmit_contracts.registry import CHUNK_TYPE
from readmit_contracts.source import Split
from readmit_runtime.messages import IncomingRecord

from ingestor.parked import ParkedRecord


@dataclass(frozen=True)
class ReceivedChunk:
    """A chunk whose payload is what its headers say; its rows are not yet checked."""

    record: IncomingRecord
    headers: ChunkHeaders
    payload: bytes

    @cached_property
    def lines(self) -> list[bytes]:
        """Its rows' lines, without the header line and line ends."""
        return self.payload[len(chunks.CHUNK_HEADER_LINE) : -1].split(b"\n")


def receive(record: IncomingRecord, split: Split) -> ReceivedChunk | ParkedRecord:
    """Read a record of the topic of `split`; one that can't be used is given back with the reason, never raised."""
    try:
        attributes = envelope.from_headers(record.headers)
        if attributes.type != CHUNK_TYPE:
            return ParkedRecord(record, Reason.UNKNOWN_TYPE, f"the topic carries {CHUNK_TYPE} alone")
        headers = chunks.read_headers(record.headers)
        if headers.split != split:
            return ParkedRecord(record, Reason.UNKNOWN_SPLIT, f"the chunk says it is not of {split}, its topic is")
        chunks.read_payload(headers, record.value)
    except envelope.MessageInvalid as error:
        return ParkedRecord(record, error.reason, error.detail)
    except chunks.ChunkHeaderInvalid as error:
        return ParkedRecord(record, error.reason, str(error))
    except chunks.ChunkInvalid as error:
        return ParkedRecord(record, error.reason, error.detail)
    return ReceivedChunk(record, headers, record.value or b"")
