"""Handle commands: each acts once, in one transaction with its inbox row, its effect and its events.

Per record, in order:

1. read it and find its handler; what can't be read or has no handler is parked;
2. claim its id in the inbox: a repeat ends here, the same id with other bytes is parked as COMMAND_CONFLICT;
3. the handler writes the effect and says what became of the command, which goes into the inbox row;
4. commit, and wake who goes on with it.

A handler that raises Rejected has its effects rolled back. A second transaction then writes the inbox row as
`rejected` and the dead letter, so that an answer exists for every command with a readable id.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from readmit_contracts.envelope import Envelope
from readmit_contracts.fields import Message
from readmit_contracts.reasons import Reason

from readmit_runtime import inbox, outbox
from readmit_runtime.database import Connection, Pool, transient_errors
from readmit_runtime.dead_letters import DeadLetterLimit, dead_letter, dead_letter_id
from readmit_runtime.errors import Rejected
from readmit_runtime.inbox import CommandOutcome, Receipt
from readmit_runtime.message_spans import processing
from readmit_runtime.messages import IncomingRecord, incoming

log = structlog.get_logger(__name__)

_TYPE = re.compile(r"[A-Za-z0-9.]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a command, as its handler says.

    `rejected`, with its reason code, is for a refusal whose record the handler has just written: it commits, and
    nothing is parked. To refuse without a trace of one's own, raise Rejected.
    """

    outcome: CommandOutcome
    subject: str | None = None
    """What it made or changed: a run's or a job's id."""
    detail: str | None = None
    """A sentence for people."""
    reason: str | None = None


Act = Callable[[Connection, Envelope, Any], Awaitable[Outcome]]
"""Does one command in the transaction it is given; gets the connection, the envelope and the message."""


class CommandHandler:
    """The handler of a consumer of commands; give it to a GroupConsumer."""

    def __init__(
        self,
        pool: Pool,
        schema: str,
        consumer: str,
        handlers: Mapping[type[Message], Act],
        *,
        limit: DeadLetterLimit,
        wake: Callable[[], None],
    ) -> None:
        """Take the owner's schema, this consumer's name in the inbox, one handler per message type.

        `wake` is called after each commit, for the loop that goes on with what was asked.
        """
        self._pool = pool
        self._schema = schema
        self._consumer = consumer
        self._handlers = handlers
        self._limit = limit
        self._wake = wake

    async def __call__(self, records: Sequence[IncomingRecord]) -> None:
        """Handle records one by one, in order.

        Raises Transient when Postgres is away: those before are done and their repeats do nothing. Raises
        TooManyDeadLetters before the parking commits.
        """
        for record in records:
            with processing(record), transient_errors():
                await self._take(record)
            self._wake()

    async def _take(self, record: IncomingRecord) -> None:
        try:
            envelope, message = incoming(record)
            await self._do(record, envelope, message, self._handler(message))
        except Rejected as why:
            await self._park(record, why)

    def _handler(self, message: Message) -> Act:
        act = self._handlers.get(type(message))
        if act is None:
            raise Rejected(Reason.UNKNOWN_TYPE, f"{self._consumer} has nothing to do for a {type(message).__name__}.")
        return act

    async def _do(self, record: IncomingRecord, envelope: Envelope, message: Message, act: Act) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            match await self._receive(connection, record, envelope.id, envelope.type):
                case Receipt.REPEATED:
                    log.info("command_repeated", command_id=envelope.id, command_type=envelope.type)
                    return
                case Receipt.CONFLICT:
                    raise Rejected(
                        Reason.COMMAND_CONFLICT, "The command's id was used before with other content; send a new id."
                    )
                case Receipt.NEW:
                    done = await act(connection, envelope, message)
            await self._settle(connection, envelope.id, done)
            self._limit.observe(good=1, parked=0)
        log.info(
            "command_handled",
            command_id=envelope.id,
            command_type=envelope.type,
            outcome=done.outcome,
            reason=done.reason,
            subject=done.subject,
        )

    async def _park(self, record: IncomingRecord, why: Rejected) -> None:
        command_id = _command_id(record)
        async with self._pool.acquire() as connection, connection.transaction():
            if command_id is not None:
                receipt = await self._receive(connection, record, command_id, _command_type(record))
                if receipt is Receipt.NEW:
                    refusal = Outcome(outcome="rejected", reason=why.reason, detail=why.detail)
                    await self._settle(connection, command_id, refusal)
            parked = dead_letter(record, why.reason, why.detail, consumer=self._consumer)
            await outbox.add(connection, self._schema, [(dead_letter_id(record), parked)])
            self._limit.observe(good=0, parked=1)
        log.warning(
            "command_parked",
            command_id=command_id,
            reason=why.reason,
            detail=why.detail,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )

    async def _receive(
        self, connection: Connection, record: IncomingRecord, command_id: UUID, command_type: str
    ) -> Receipt:
        return await inbox.receive(
            connection,
            self._schema,
            consumer=self._consumer,
            command_id=command_id,
            command_type=command_type,
            value=record.value or b"",
        )

    async def _settle(self, connection: Connection, command_id: UUID, done: Outcome) -> None:
        await inbox.settle(
            connection,
            self._schema,
            consumer=self._consumer,
            command_id=command_id,
            outcome=done.outcome,
            reason=done.reason,
            detail=done.detail,
            subject=done.subject,
        )


def _command_id(record: IncomingRecord) -> UUID | None:
    try:
        return UUID(_header(record, "ce_id"))
    except ValueError:
        return None


def _command_type(record: IncomingRecord) -> str:
    text = _header(record, "ce_type")
    return text if _TYPE.fullmatch(text) else "unreadable"


def _header(record: IncomingRecord, name: str) -> str:
    """Return the text of the first header of this name; empty when there is none: the record may be anything."""
    value = next((value for header, value in record.headers if header == name), b"")
    return value.decode("ascii", errors="replace")
