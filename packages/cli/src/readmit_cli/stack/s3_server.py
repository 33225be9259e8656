"""Which S3 server a stack runs: MinIO, or Versity S3 Gateway with READMIT_S3=versity."""

import json
import os
from enum import StrEnum

from readmit_cli.stack.errors import StackError
from readmit_cli.stack.state_directory import StateDirectory

SETTING = "READMIT_S3"


class S3Server(StrEnum):
    """A server that can be the stack's object store; the values are those of READMIT_S3."""

    MINIO = "minio"
    VERSITY = "versity"


def asked_for() -> S3Server | None:
    """Answer what READMIT_S3 names, None if it is not set. Raises StackError."""
    name = os.environ.get(SETTING)
    if name and name not in tuple(S3Server):
        raise StackError(f"{SETTING} is {name!r}; set it to {' or '.join(S3Server)}, or unset it.")
    return S3Server(name) if name else None


def recorded(state: StateDirectory) -> S3Server | None:
    """Answer the server that the stack was started with, None if it never was."""
    if not state.record.exists():
        return None
    # A record from before there was a choice does not name it.
    return S3Server(json.loads(state.record.read_text()).get("s3", S3Server.MINIO))


def require_same(state: StateDirectory, asked: S3Server | None) -> None:
    """Raise StackError when the stack was started with another server: the one cannot read the other's data."""
    known = recorded(state)
    if asked is not None and known is not None and asked is not known:
        raise StackError(
            f"The objects in {state.root} are kept by {known}, whose data {asked} cannot read. "
            f"Unset {SETTING} to go on with {known}, choose another READMIT_STATE for {asked}, "
            "or forget this stack with all its data by `readmit down --forget`."
        )
