"""A command acts once and leaves an answer, whatever arrives in whatever order."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from readmit_contracts.commands import CancelIngestion, ResetStore
from readmit_contracts.envelope import Envelope
from readmit_contracts.fields import Message
from readmit_contracts.reasons import Reason
from readmit_contracts.topics import INGESTION_COMMANDS
from readmit_runtime import outbox
from readmit_runtime.commands import Act, CommandHandler, Outcome
from readmit_runtime.database import Connection, DirectConnection, Pool
from readmit_runtime.dead_letters import DeadLetterLimit, TooManyDeadLetters
from readmit_runtime.errors import Rejected, Transient
from readmit_runtime.messages import Headers, IncomingRecord, OutgoingRecord, outgoing

RUN_ID = UUID(int=9)
CANCEL = CancelIngestion(run_id=RUN_ID, reason="a wrong file")


class Rig:
    """A consumer of commands on an outbox of its own; `effects` is the table that its handlers write to."""

    def __init__(self, pool: Pool, connection: DirectConnection, schema: str) -> None:
        self.pool = pool
        self.connection = connection
        self.schema = schema
        self.woken = 0
        self.offset = 0

    def handler(self, acts: Mapping[type[Message], Act], *, limit: int = 3) -> CommandHandler:
        """Make the handler under test."""
        return CommandHandler(
            self.pool, self.schema, "batch_producer", acts, limit=DeadLetterLimit(limit), wake=self._wake
        )

    def _wake(self) -> None:
        self.woken += 1

    async def effect(self, connection: Connection, envelope: Envelope, message: Any) -> Outcome:
        """Write the effect and an event, as a service does."""
        await connection.execute(f"INSERT INTO {self.schema}.effects VALUES ($1)", envelope.id)
        event = OutgoingRecord("readmit.ingestion.events.v1", b"k", b"cancelled", ())
        await outbox.add(connection, self.schema, [(uuid4(), event)])
        return Outcome(outcome="applied", subject=str(message.run_id), detail="Cancelled.")

    def record(
        self,
        command_id: UUID | None = None,
        message: Message = CANCEL,
        *,
        change: Callable[[Headers], Headers] | None = None,
    ) -> IncomingRecord:
        """Make the next record of the topic; `change` spoils its headers."""
        sent = outgoing(INGESTION_COMMANDS, message, source="/tests", id=command_id or uuid4())
        return self.raw(sent.value, change(sent.headers) if change else sent.headers)

    def raw(self, value: bytes | None, headers: Headers) -> IncomingRecord:
        """Make the next record from bytes."""
        self.offset += 1
        return IncomingRecord(INGESTION_COMMANDS.name, 0, self.offset, b"store", value, headers, 0)

    async def effects(self) -> list[UUID]:
        """Tell which commands acted."""
        return [row["id"] for row in await self.connection.fetch(f"SELECT id FROM {self.schema}.effects")]

    async def answer(self, command_id: UUID) -> tuple[str, str | None, str | None] | None:
        """Tell what the inbox says of a command: outcome, reason, subject."""
        row = await self.connection.fetchrow(
            f"SELECT outcome, reason, subject FROM {self.schema}.inbox WHERE command_id = $1", command_id
        )
        return None if row is None else (row["outcome"], row["reason"], row["subject"])

    async def parked(self) -> list[tuple[str, int]]:
        """Tell what was parked: reason and original offset."""
        found = []
        for entry in await outbox.waiting(self.connection, self.schema, after=0, limit=99):
            headers = dict(entry.record.headers)
            if entry.record.topic.endswith(".dlq"):
                found.append((headers["readmit_dlq_reason"].decode(), int(headers["readmit_dlq_offset"])))
        return found


@pytest.fixture
async def rig(pool: Pool, connection: DirectConnection, schema: str) -> Rig:
    """Give a consumer with nothing received yet."""
    await connection.execute(f"CREATE TABLE {schema}.effects (id uuid NOT NULL)")
    return Rig(pool, connection, schema)


async def test_a_command_acts_and_its_answer_can_be_read(rig: Rig) -> None:
    """Inbox row, effect and event are one transaction; then the relay is woken."""
    command_id = uuid4()
    await rig.handler({CancelIngestion: rig.effect})([rig.record(command_id)])

    assert await rig.effects() == [command_id]
    assert await rig.answer(command_id) == ("applied", None, str(RUN_ID))
    waiting = await outbox.waiting(rig.connection, rig.schema, after=0, limit=9)
    assert [entry.record.value for entry in waiting] == [b"cancelled"]
    assert rig.woken == 1


async def test_a_repeated_command_does_nothing(rig: Rig) -> None:
    """The offset is committed after the transaction, so a crash between the two brings it again."""
    command_id = uuid4()
    handle = rig.handler({CancelIngestion: rig.effect})
    await handle([rig.record(command_id), rig.record(command_id)])
    await handle([rig.record(command_id)])

    assert await rig.effects() == [command_id]
    assert await rig.parked() == []


async def test_concurrent_duplicates_act_once(rig: Rig) -> None:
    """A rebalance may leave one command with two consumers for a moment."""
    command_id = uuid4()
    record = rig.record(command_id)
    handlers = [rig.handler({CancelIngestion: rig.effect}) for _ in range(6)]
    await asyncio.gather(*(handle([record]) for handle in handlers))

    assert await rig.effects() == [command_id]
    assert await rig.parked() == []


async def test_the_same_id_with_other_content_is_parked_and_changes_nothing(rig: Rig) -> None:
    """Which of the two was meant is for a person to say."""
    command_id = uuid4()
    handle = rig.handler({CancelIngestion: rig.effect})
    second = rig.record(command_id, CancelIngestion(run_id=RUN_ID, reason="another reason"))
    await handle([rig.record(command_id), second])
    await handle([second])

    assert await rig.effects() == [command_id]
    assert await rig.answer(command_id) == ("applied", None, str(RUN_ID))
    assert await rig.parked() == [(Reason.COMMAND_CONFLICT, second.offset)]


async def test_a_refused_command_leaves_its_reason_and_no_effect(rig: Rig) -> None:
    """Whoever sent it must be able to read why, and half an effect is none."""

    async def refuse(connection: Connection, envelope: Envelope, message: Any) -> Outcome:
        await rig.effect(connection, envelope, message)
        raise Rejected(Reason.STORE_BUSY, "A run is active; cancel it first.")

    command_id = uuid4()
    record = rig.record(command_id)
    handle = rig.handler({CancelIngestion: refuse})
    await handle([record])
    await handle([record])

    assert await rig.effects() == []
    assert await rig.answer(command_id) == ("rejected", Reason.STORE_BUSY, None)
    assert await rig.parked() == [(Reason.STORE_BUSY, record.offset)]


async def test_a_refusal_with_a_record_of_its_own_commits_it_and_parks_nothing(rig: Rig) -> None:
    """The gate's evidence stays, also when it says no."""

    async def decide(connection: Connection, envelope: Envelope, message: Any) -> Outcome:
        await rig.effect(connection, envelope, message)
        return Outcome(outcome="rejected", reason=Reason.GATE, subject="decision 3", detail="Worse by 0.02.")

    command_id = uuid4()
    await rig.handler({CancelIngestion: decide})([rig.record(command_id)])

    assert await rig.effects() == [command_id]
    assert await rig.answer(command_id) == ("rejected", Reason.GATE, "decision 3")
    assert await rig.parked() == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"{}", Reason.DECODE), (b"\xff", Reason.DECODE), (b'{"run_id": 7}', Reason.DECODE), (None, Reason.EMPTY)],
    ids=["field missing", "not UTF-8", "wrong type", "tombstone"],
)
async def test_an_unreadable_value_is_parked_once_with_an_answer(rig: Rig, value: bytes | None, reason: Reason) -> None:
    """Its id can be read, so its sender can find out."""
    command_id = uuid4()
    spoilt = rig.raw(value, rig.record(command_id).headers)
    handle = rig.handler({CancelIngestion: rig.effect})
    await handle([spoilt, rig.record()])
    await handle([spoilt])

    assert await rig.answer(command_id) == ("rejected", reason, None)
    assert await rig.parked() == [(reason, spoilt.offset)]
    assert len(await rig.effects()) == 1


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("ce_id", b"\xff\x00"), ("ce_type", b"\x00")),
        (("ce_id", str(UUID(int=5)).encode()), ("ce_type", b"readmit.\x00.v1")),
        (("a\0b", b"\0"),),
    ],
    ids=["none", "no text", "id but no type", "nul in a name"],
)
async def test_no_header_however_odd_stops_the_consumer(rig: Rig, headers: Headers) -> None:
    """One record that can't be parked would come again for ever."""
    good = uuid4()
    odd = rig.raw(b"x", headers)
    await rig.handler({CancelIngestion: rig.effect})([odd, rig.record(good)])

    assert await rig.parked() == [(Reason.DECODE, odd.offset)]
    assert await rig.effects() == [good]


async def test_a_command_nobody_handles_is_parked(rig: Rig) -> None:
    """It was sent to the wrong topic, or by a newer version."""
    command_id = uuid4()
    await rig.handler({CancelIngestion: rig.effect})(
        [rig.record(command_id, ResetStore(actor="test", reason="a new start"))]
    )

    assert await rig.answer(command_id) == ("rejected", Reason.UNKNOWN_TYPE, None)
    assert [reason for reason, _ in await rig.parked()] == [Reason.UNKNOWN_TYPE]


async def test_too_many_in_a_row_end_the_process_before_the_last_is_parked(rig: Rig) -> None:
    """A wrong release must not pour a whole topic into the dead letters."""
    handle = rig.handler({CancelIngestion: rig.effect}, limit=3)
    await handle([rig.raw(b"x", ()) for _ in range(3)])
    await handle([rig.record()])
    last = uuid4()
    await handle([rig.raw(b"x", ()) for _ in range(3)])
    with pytest.raises(TooManyDeadLetters):
        await handle([rig.raw(b"x", rig.record(last).headers)])

    assert len(await rig.parked()) == 6
    assert await rig.answer(last) is None


async def test_an_outage_in_the_midst_of_a_group_repeats_nothing(rig: Rig) -> None:
    """The loop brings the whole group again; those before the outage are done."""
    first, second = uuid4(), uuid4()
    cut = True

    async def act(connection: Connection, envelope: Envelope, message: Any) -> Outcome:
        nonlocal cut
        if envelope.id == second and cut:
            cut = False
            await rig.connection.execute(
                "SELECT pg_terminate_backend($1)", await connection.fetchval("SELECT pg_backend_pid()")
            )
        return await rig.effect(connection, envelope, message)

    handle = rig.handler({CancelIngestion: act})
    group = [rig.record(first), rig.record(second)]
    with pytest.raises(Transient):
        await handle(group)
    assert await rig.effects() == [first]
    await handle(group)
    assert await rig.effects() == [first, second]


async def test_an_unknown_error_ends_the_process_and_leaves_nothing(rig: Rig) -> None:
    """A fault in our own code is no reason to park other people's commands."""

    async def fail(connection: Connection, envelope: Envelope, message: Any) -> Outcome:
        await rig.effect(connection, envelope, message)
        raise LookupError("own fault")

    command_id = uuid4()
    with pytest.raises(LookupError):
        await rig.handler({CancelIngestion: fail})([rig.record(command_id)])
    assert await rig.effects() == []
    assert await rig.answer(command_id) is None
    assert await rig.parked() == []
