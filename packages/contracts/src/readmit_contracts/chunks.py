"""Cut a batch into chunks: the file's own lines as CSV, with headers that say which and how many.

A chunk's payload is a header line and then, for each row, `dataset_no,row_no,` and the line of the file, verbatim;
every line ends with LF. The same dataset number and lines give the same bytes, so the payload's SHA-256 is the
chunk's identity.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

import msgspec

from readmit_contracts.columns import FILE_HEADER
from readmit_contracts.reasons import Reason
from readmit_contracts.source import CHUNK_MAX_BYTES, CHUNK_ROWS, SPLITS, DatasetInvalid, Split

CHUNK_CONTENT_TYPE = "text/csv"
CHUNK_HEADER_LINE: bytes = f"dataset_no,row_no,{FILE_HEADER}\n".encode()


class ChunkHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """What a chunk's message headers say of it."""

    dataset_id: UUID
    dataset_no: int
    generation: int
    split: Split
    batch: int
    chunk: int
    first_row: int
    rows: int
    sha256: str


class Chunk(ChunkHeaders, frozen=True, kw_only=True):
    """Up to 500 rows of one batch as they travel: headers and payload."""

    payload: bytes

    def message_key(self) -> str:
        """Return the Kafka key."""
        return f"{self.dataset_id}:{self.batch}:{self.chunk}"


class ChunkHeaderInvalid(Exception):
    """A chunk's message header is absent or cannot stand: `reason` is the code, `field` the header's name."""

    def __init__(self, reason: Reason, field: str) -> None:
        super().__init__(f"The chunk's header {field} is not acceptable ({reason}); publish the chunk again.")
        self.reason = reason
        self.field = field


class ChunkInvalid(Exception):
    """A chunk's payload is not what its headers say: `reason` is the code."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def cut(
    lines: Sequence[bytes],
    *,
    dataset_id: UUID,
    dataset_no: int,
    generation: int,
    split: Split,
    batch: int,
    first_row: int,
) -> Iterator[Chunk]:
    """Yield the chunks of one batch, in order, from its lines; `first_row` is the number of the first line.

    Raises DatasetInvalid(TOO_LARGE) when a chunk would exceed `CHUNK_MAX_BYTES`.
    """
    for chunk, start in enumerate(range(0, len(lines), CHUNK_ROWS)):
        part = lines[start : start + CHUNK_ROWS]
        first = first_row + start
        numbered = [b"%d,%d,%b\n" % (dataset_no, row_no, line) for row_no, line in enumerate(part, first)]
        payload = b"".join([CHUNK_HEADER_LINE, *numbered])
        if len(payload) > CHUNK_MAX_BYTES:
            raise DatasetInvalid(
                Reason.TOO_LARGE,
                f"Chunk {chunk} of batch {batch} of {split} would have {len(payload)} bytes, {CHUNK_MAX_BYTES} are the "
                f"most; shorten the lines of rows {first} to {first + len(part) - 1}.",
            )
        yield Chunk(
            dataset_id=dataset_id,
            dataset_no=dataset_no,
            generation=generation,
            split=split,
            batch=batch,
            chunk=chunk,
            first_row=first,
            rows=len(part),
            sha256=hashlib.sha256(payload).hexdigest(),
            payload=payload,
        )


_INTEGER_MAXIMA: Mapping[str, int] = MappingProxyType(
    {
        "dataset_no": 32_767,
        "generation": 2**31 - 1,
        "batch": 99_999,
        "chunk": 9_999,
        "first_row": 2**31 - 1,
        "rows": CHUNK_ROWS,
    }
)


def headers(chunk: ChunkHeaders) -> tuple[tuple[str, bytes], ...]:
    """Return the chunk's own message headers, in the order of its fields; text, encoded as UTF-8."""
    return tuple((f"readmit_{name}", str(getattr(chunk, name)).encode()) for name in ChunkHeaders.__struct_fields__)


def read_headers(message_headers: Sequence[tuple[str, bytes | None]]) -> ChunkHeaders:
    """Read a chunk's own headers from among a message's; raises ChunkHeaderInvalid for the first that is wrong."""
    texts: dict[str, str] = {}
    for name in ChunkHeaders.__struct_fields__:
        texts[name] = _one(message_headers, f"readmit_{name}")
    if texts["split"] not in SPLITS:
        raise ChunkHeaderInvalid(Reason.UNKNOWN_SPLIT, "readmit_split")
    values: dict[str, str | int] = dict(texts)
    for name, maximum in _INTEGER_MAXIMA.items():
        values[name] = _integer(texts[name], name, maximum)
    if not _is_sha256(texts["sha256"]):
        raise ChunkHeaderInvalid(Reason.HEADER_INVALID, "readmit_sha256")
    try:
        return msgspec.convert(values, ChunkHeaders)
    except msgspec.ValidationError:
        raise ChunkHeaderInvalid(Reason.HEADER_INVALID, "readmit_dataset_id") from None


def _one(message_headers: Sequence[tuple[str, bytes | None]], name: str) -> str:
    found = [value for header, value in message_headers if header == name]
    if not found:
        raise ChunkHeaderInvalid(Reason.MISSING_HEADER, name)
    value = found[0]
    if len(found) > 1 or not value or len(value) > 64 or not value.isascii():
        raise ChunkHeaderInvalid(Reason.HEADER_INVALID, name)
    return value.decode("ascii")


def _integer(text: str, name: str, maximum: int) -> int:
    canonical = text.isdecimal() and len(text) <= 10 and (text == "0" or text[0] != "0")
    number = int(text) if canonical else -1
    if name == "rows" and number > maximum:
        raise ChunkHeaderInvalid(Reason.TOO_MANY_ROWS, "readmit_rows")
    if not (0 if name != "rows" else 1) <= number <= maximum:
        raise ChunkHeaderInvalid(Reason.HEADER_INVALID, f"readmit_{name}")
    return number


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def read_payload(chunk: ChunkHeaders, payload: bytes | None) -> list[bytes]:
    """Return the chunk's lines without header line and line ends; raises ChunkInvalid for the first thing wrong.

    Checks size, digest, header line, line ends, number of lines and each line's `dataset_no,row_no,`. What stands
    behind them is for the row rules.
    """
    where = f"chunk {chunk.chunk} of batch {chunk.batch} of {chunk.split}"
    if not payload:
        raise ChunkInvalid(Reason.EMPTY, f"The {where} has no value; publish it again.")
    if len(payload) > CHUNK_MAX_BYTES:
        raise ChunkInvalid(Reason.TOO_LARGE, f"The {where} has {len(payload)} bytes, {CHUNK_MAX_BYTES} are the most.")
    if hashlib.sha256(payload).hexdigest() != chunk.sha256:
        raise ChunkInvalid(
            Reason.CHUNK_SHA256, f"The {where} does not have the digest in its header; publish it again."
        )
    if not payload.startswith(CHUNK_HEADER_LINE) or not payload.endswith(b"\n"):
        raise ChunkInvalid(Reason.CHUNK_MALFORMED, f"The {where} lacks its header line or its last line end.")
    lines = payload[len(CHUNK_HEADER_LINE) : -1].split(b"\n")
    if len(lines) != chunk.rows:
        raise ChunkInvalid(Reason.CHUNK_MALFORMED, f"The {where} has {len(lines)} lines, its header says {chunk.rows}.")
    for row_no, line in enumerate(lines, chunk.first_row):
        if not line.startswith(b"%d,%d," % (chunk.dataset_no, row_no)):
            raise ChunkInvalid(Reason.CHUNK_MALFORMED, f"The {where} lacks row {row_no} in its place.")
    return lines
