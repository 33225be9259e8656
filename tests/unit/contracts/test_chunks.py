from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest
from readmit_contracts.chunks import (
    CHUNK_HEADER_LINE,
    Chunk,
    ChunkHeaderInvalid,
    ChunkHeaders,
    ChunkInvalid,
    cut,
    headers,
    read_headers,
    read_payload,
)
from readmit_contracts.reasons import Reason
from readmit_contracts.source import CHUNK_MAX_BYTES, CHUNK_ROWS, SPLITS, BatchRange, DatasetInvalid, SourceFile
from unit.contracts.lines import line

DATASET = UUID("1571301e-beac-5482-923f-7ee277012b5d")


def chunks_of(lines: list[bytes], *, dataset_no: int = 1, generation: int = 0) -> list[Chunk]:
    """Cut lines as batch 2 of the test split."""
    return list(
        cut(
            lines,
            dataset_id=DATASET,
            dataset_no=dataset_no,
            generation=generation,
            split="test",
            batch=2,
            first_row=30_000,
        )
    )


def with_payload(chunk: Chunk, payload: bytes) -> Chunk:
    """Give the chunk another payload under its right digest."""
    return msgspec.structs.replace(chunk, payload=payload, sha256=sha256(payload).hexdigest())


@pytest.mark.real_dataset
def test_the_chunks_of_the_real_file_give_back_its_lines(real_file: SourceFile) -> None:
    """The store can be compared with the file byte for byte only when nothing is re-encoded on the way."""
    for split in SPLITS:
        for batch in real_file.batches(split):
            assert _lines_behind_numbers(real_file, batch) == real_file.batch_lines(batch)


def _lines_behind_numbers(file: SourceFile, batch: BatchRange) -> list[bytes]:
    lines: list[bytes] = []
    for chunk in cut(
        file.batch_lines(batch),
        dataset_id=file.dataset_id,
        dataset_no=7,
        generation=0,
        split=batch.split,
        batch=batch.batch,
        first_row=batch.first_row,
    ):
        assert len(chunk.payload) <= CHUNK_MAX_BYTES
        assert chunk.rows <= CHUNK_ROWS
        prefixes = (b"7,%d," % row_no for row_no in range(chunk.first_row, chunk.first_row + chunk.rows))
        lines += [text.removeprefix(next(prefixes)) for text in read_payload(chunk, chunk.payload)]
    return lines


def test_a_batch_is_cut_into_numbered_chunks_of_500_rows() -> None:
    """The plan and the producer cut at different times and must agree."""
    chunks = chunks_of([line()] * 1_001)
    assert [(chunk.chunk, chunk.first_row, chunk.rows) for chunk in chunks] == [
        (0, 30_000, 500),
        (1, 30_500, 500),
        (2, 31_000, 1),
    ]
    assert chunks_of([]) == []


def test_a_payload_is_the_header_line_and_the_numbered_lines() -> None:
    """These bytes go to COPY as they are."""
    (chunk,) = chunks_of([line(), b"nonsense \xff"])
    assert chunk.payload == CHUNK_HEADER_LINE + b"1,30000," + line() + b"\n1,30001,nonsense \xff\n"
    assert chunk.sha256 == sha256(chunk.payload).hexdigest()


def test_the_generation_does_not_change_a_payload() -> None:
    """After a reset the planned digests stay true; the dataset's number is in the bytes and does change them."""
    (first,) = chunks_of([line()])
    assert chunks_of([line()], generation=1)[0].sha256 == first.sha256
    assert chunks_of([line()], dataset_no=2)[0].sha256 != first.sha256


def test_a_chunk_over_the_limit_is_refused_where_it_is_cut() -> None:
    """The broker would refuse it later, when the run is already planned."""
    with pytest.raises(DatasetInvalid, match="rows 30000 to 30000") as caught:
        chunks_of([b"x" * CHUNK_MAX_BYTES])
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_message_key_names_dataset_batch_and_chunk() -> None:
    """A chunk that is sent again goes to the partition it went to before."""
    assert chunks_of([line()])[0].message_key() == f"{DATASET}:2:0"


def test_headers_read_back_as_written_among_others() -> None:
    """The ingestor knows a chunk by these alone."""
    (chunk,) = chunks_of([line()])
    read = read_headers((("ce_id", b"x"), *headers(chunk), ("traceparent", None)))
    assert {name: getattr(read, name) for name in ChunkHeaders.__struct_fields__} == {
        name: getattr(chunk, name) for name in ChunkHeaders.__struct_fields__
    }


@pytest.mark.parametrize("name", ChunkHeaders.__struct_fields__)
def test_each_header_must_be_there_once(name: str) -> None:
    """Of two readings of one header neither can be trusted."""
    (chunk,) = chunks_of([line()])
    rest = tuple(header for header in headers(chunk) if header[0] != f"readmit_{name}")
    with pytest.raises(ChunkHeaderInvalid) as caught:
        read_headers(rest)
    assert (caught.value.reason, caught.value.field) == (Reason.MISSING_HEADER, f"readmit_{name}")
    with pytest.raises(ChunkHeaderInvalid) as caught:
        read_headers((*headers(chunk), (f"readmit_{name}", b"0")))
    assert (caught.value.reason, caught.value.field) == (Reason.HEADER_INVALID, f"readmit_{name}")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("split", b"holdout", Reason.UNKNOWN_SPLIT),
        ("rows", b"501", Reason.TOO_MANY_ROWS),
        ("rows", b"0", Reason.HEADER_INVALID),
        ("batch", b"-1", Reason.HEADER_INVALID),
        ("batch", b"01", Reason.HEADER_INVALID),
        ("batch", b"1.0", Reason.HEADER_INVALID),
        ("batch", b"", Reason.HEADER_INVALID),
        ("batch", None, Reason.HEADER_INVALID),
        ("batch", b"\xd9\xa3", Reason.HEADER_INVALID),
        ("chunk", b"9" * 5_000, Reason.HEADER_INVALID),
        ("dataset_no", b"32768", Reason.HEADER_INVALID),
        ("first_row", b"2147483648", Reason.HEADER_INVALID),
        ("generation", b"x", Reason.HEADER_INVALID),
        ("dataset_id", b"not-a-uuid", Reason.HEADER_INVALID),
        ("sha256", b"A" * 64, Reason.HEADER_INVALID),
        ("sha256", b"0" * 63, Reason.HEADER_INVALID),
    ],
)
def test_a_header_that_cannot_stand_is_named_and_never_quoted(name: str, value: bytes | None, reason: Reason) -> None:
    """The error goes to logs and dead letters, where a foreign value has no place."""
    (chunk,) = chunks_of([line()])
    changed = [(header, value if header == f"readmit_{name}" else old) for header, old in headers(chunk)]
    with pytest.raises(ChunkHeaderInvalid) as caught:
        read_headers(changed)
    assert (caught.value.reason, caught.value.field) == (reason, f"readmit_{name}")
    assert (
        str(caught.value) == f"The chunk's header readmit_{name} is not acceptable ({reason}); publish the chunk again."
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda chunk: msgspec.structs.replace(chunk, payload=b""), Reason.EMPTY),
        (lambda chunk: with_payload(chunk, b"x" * (CHUNK_MAX_BYTES + 1)), Reason.TOO_LARGE),
        (lambda chunk: msgspec.structs.replace(chunk, payload=chunk.payload + b"\n"), Reason.CHUNK_SHA256),
        (lambda chunk: with_payload(chunk, chunk.payload.removesuffix(b"\n")), Reason.CHUNK_MALFORMED),
        (lambda chunk: with_payload(chunk, chunk.payload.removeprefix(b"dataset_no,")), Reason.CHUNK_MALFORMED),
        (lambda chunk: with_payload(chunk, chunk.payload + b"1,30002,\n"), Reason.CHUNK_MALFORMED),
        (lambda chunk: with_payload(chunk, chunk.payload.replace(b"30001", b"30002")), Reason.CHUNK_MALFORMED),
        (lambda chunk: with_payload(chunk, chunk.payload.replace(b"1,30001", b"2,30001")), Reason.CHUNK_MALFORMED),
    ],
    ids=["empty", "too large", "digest", "no last line end", "no header line", "a line more", "row number", "dataset"],
)
def test_a_payload_that_is_not_its_headers_is_refused(spoil: Callable[[Chunk], Chunk], reason: Reason) -> None:
    """Rows under wrong numbers would be stored as others than they are."""
    chunk = spoil(chunks_of([line(), line()])[0])
    with pytest.raises(ChunkInvalid) as caught:
        read_payload(chunk, chunk.payload)
    assert caught.value.reason is reason
