"""Say how far a child process is: one JSON line per event on its standard output."""

from typing import Annotated

import msgspec
from msgspec import Meta
from readmit_contracts.reasons import Reason


class Stage(msgspec.Struct, frozen=True, tag_field="event", tag="stage"):
    """A step of the work is done."""

    name: str
    elapsed_s: Annotated[float, Meta(description="Seconds since the child began its work.")]


class Round(msgspec.Struct, frozen=True, tag_field="event", tag="round"):
    """A tree was added; not every one is reported."""

    number: Annotated[int, Meta(ge=1, description="The tree, from 1.")]
    rounds_max: int
    validation_auroc: float


class Failed(msgspec.Struct, frozen=True, tag_field="event", tag="failed"):
    """The work ended without a result."""

    reason: Reason
    detail: Annotated[str, Meta(max_length=500, description="What happened and what to do; never a row's value.")]


Progress = Stage | Round | Failed

MAX_LINE_BYTES = 4096


def encode_progress(progress: Progress) -> bytes:
    """Return the event as a line, its end included."""
    return msgspec.json.encode(progress) + b"\n"


def decode_progress(line: bytes) -> Progress:
    """Return the event of a line; raises msgspec.DecodeError for anything else."""
    event: Progress = msgspec.json.decode(line, type=Progress)
    return event
