"""Read messages as they were written when their type was new.

A golden file is never changed. A change that breaks one needs a new message type.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from readmit_contracts.chunks import CHUNK_CONTENT_TYPE, headers, read_headers, read_payload
from readmit_contracts.envelope import JSON_CONTENT_TYPE, decode, encode, from_headers, to_headers
from readmit_contracts.registry import CHUNK_TYPE, TYPES, ce_type
from support.message_examples import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"


def golden(type_name: str) -> tuple[tuple[tuple[str, bytes], ...], Any]:
    """Give the headers and the value of a golden message."""
    text = json.loads((GOLDEN / f"{type_name}.json").read_text())
    return tuple((name, value.encode()) for name, value in text["headers"].items()), text["value"]


def test_every_registered_type_has_a_golden_file_and_no_file_is_left_over() -> None:
    """A type without one could change unnoticed; a file without a type tells of one that readers may still meet."""
    assert {path.stem for path in GOLDEN.glob("*.json")} == {*TYPES, CHUNK_TYPE}


@pytest.mark.parametrize("type_name", sorted(TYPES))
def test_a_golden_message_decodes_to_the_same_message_and_encodes_to_the_same_bytes(type_name: str) -> None:
    """Topics and outboxes hold messages of every age, and a repeated command is known by its bytes."""
    message_headers, value = golden(type_name)
    written = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    (example,) = [message for message in EXAMPLES if ce_type(type(message)) == type_name]
    assert decode(type_name, written) == example
    assert encode(example) == written
    envelope = from_headers(message_headers)
    assert (envelope.type, envelope.content_type) == (type_name, JSON_CONTENT_TYPE)
    assert envelope.subject == example.key()
    assert to_headers(envelope) == message_headers


def test_a_golden_chunk_reads_and_writes_the_same_headers_and_lines() -> None:
    """A chunk waits in its topic for a week, over any number of releases."""
    message_headers, value = golden(CHUNK_TYPE)
    envelope = from_headers(message_headers)
    chunk = read_headers(message_headers)
    assert (envelope.type, envelope.content_type) == (CHUNK_TYPE, CHUNK_CONTENT_TYPE)
    assert to_headers(envelope) + headers(chunk) == message_headers
    assert [line[:8] for line in read_payload(chunk, value.encode())] == [b"1,15000,", b"1,15001,"]
