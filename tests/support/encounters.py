"""Make small dataset files whose every row is acceptable, and chunks of them as the broker delivers them."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import uuid4

from readmit_contracts import chunks
from readmit_contracts.chunks import Chunk
from readmit_contracts.columns import COLUMNS, FILE_HEADER
from readmit_contracts.envelope import Envelope, to_headers
from readmit_contracts.registry import CHUNK_TYPE
from readmit_contracts.source import SourceFile
from readmit_contracts.topics import BATCHES
from readmit_runtime.messages import IncomingRecord


def encounter(number: int, **changes: str) -> str:
    """Give a line of the file: encounter `number` of a patient of its own, with some values changed by SQL name."""
    values = {column.sql_name: column.example for column in COLUMNS}
    values |= {"encounter_id": str(number), "patient_nbr": str(number + 1), **changes}
    return ",".join(values[column.sql_name] for column in COLUMNS)


def source_file(lines: Sequence[str]) -> SourceFile:
    """Give a dataset file of these lines; a surrogate stands for a byte that is not UTF-8."""
    return SourceFile.parse("\r\n".join([FILE_HEADER, *lines, ""]).encode(errors="surrogateescape"))


def encounters(rows: int, *, first: int = 1, changes: Mapping[int, Mapping[str, str]] | None = None) -> SourceFile:
    """Give a file of `rows` encounters numbered from `first`; `changes` names values by position in the file."""
    changes = changes or {}
    return source_file([encounter(first + row, **changes.get(row, {})) for row in range(rows)])


def all_chunks(source: SourceFile, dataset_no: int, *, generation: int = 1) -> Iterator[Chunk]:
    """Give every chunk of the file, in order."""
    for split in source.by_split:
        for batch in source.batches(split):
            yield from chunks.cut(
                source.batch_lines(batch),
                dataset_id=source.dataset_id,
                dataset_no=dataset_no,
                generation=generation,
                split=split,
                batch=batch.batch,
                first_row=batch.first_row,
            )


def delivered(chunk: Chunk, *, offset: int = 0, payload: bytes | None = None) -> IncomingRecord:
    """Give the record in which the broker delivers a chunk; `payload` replaces its bytes, not its headers."""
    envelope = Envelope(id=uuid4(), type=CHUNK_TYPE, source="/readmit/batch-producer", content_type="text/csv")
    return IncomingRecord(
        topic=BATCHES[chunk.split].name,
        partition=0,
        offset=offset,
        key=chunk.message_key().encode(),
        value=chunk.payload if payload is None else payload,
        headers=(*to_headers(envelope), *chunks.headers(chunk)),
        timestamp_ms=0,
    )
