"""Let each command act once: its row and its effect commit in one transaction, or neither does.

The table is `<schema>.inbox`, one row per consumer and command id.
"""

import hashlib
from enum import Enum
from typing import Literal
from uuid import UUID

from readmit_runtime.database import Connection, in_schema
from readmit_runtime.errors import Transient

_RECEIVE = """
    INSERT INTO {schema}.inbox (consumer, command_id, command_type, value_sha256, outcome)
    VALUES ($1, $2, $3, $4, 'accepted')
    ON CONFLICT (consumer, command_id) DO NOTHING
    RETURNING true
"""
_KNOWN = "SELECT command_type, value_sha256 FROM {schema}.inbox WHERE consumer = $1 AND command_id = $2"
_SETTLE = """
    UPDATE {schema}.inbox SET outcome = $3, reason = $4, detail = $5, subject = $6
    WHERE consumer = $1 AND command_id = $2
"""

CommandOutcome = Literal["accepted", "applied", "rejected"]
"""accepted: work goes on after this transaction; applied: it is done; rejected: nothing was done."""


class Receipt(Enum):
    """What a command's arrival means."""

    NEW = "new"
    """Never seen: do its work in this transaction."""
    REPEATED = "repeated"
    """Seen, of the same type and with the same bytes: do nothing."""
    CONFLICT = "conflict"
    """Seen with other content: somebody used an id twice; do nothing and report it."""


async def receive(
    connection: Connection, schema: str, *, consumer: str, command_id: UUID, command_type: str, value: bytes
) -> Receipt:
    """Claim a command for this transaction, as `accepted` until `settle` says more.

    A duplicate that is being handled elsewhere is waited for: when that transaction rolls back, this one is NEW.
    """
    digest = hashlib.sha256(value).hexdigest()
    if await connection.fetchval(in_schema(_RECEIVE, schema), consumer, command_id, command_type, digest):
        return Receipt.NEW
    known = await connection.fetchrow(in_schema(_KNOWN, schema), consumer, command_id)
    if known is None:
        raise Transient("the command's inbox row was removed while it was read")
    return Receipt.REPEATED if tuple(known) == (command_type, digest) else Receipt.CONFLICT


async def settle(
    connection: Connection,
    schema: str,
    *,
    consumer: str,
    command_id: UUID,
    outcome: CommandOutcome,
    reason: str | None = None,
    detail: str | None = None,
    subject: str | None = None,
) -> None:
    """Write what became of a command: reason code and sentence when rejected, `subject` names what it made.

    Raises LookupError when the command was never received. Work that goes on calls it again when it ends.
    """
    done = await connection.execute(in_schema(_SETTLE, schema), consumer, command_id, outcome, reason, detail, subject)
    if done != "UPDATE 1":
        raise LookupError(f"{schema}.inbox has no command {command_id} of {consumer}; receive it first")
