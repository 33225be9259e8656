"""Waiting for the effect of a command."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.ingestion.following import POLL_S, TAKEN_UP_WITHIN_S, Follower
from readmit_cli.ingestion.requests import Request, publish
from readmit_cli.status_rows import CommandStatus, RunStatus
from readmit_contracts.commands import ResetStore, StartIngestion
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import INGESTION_COMMANDS
from readmit_runtime.messages import incoming
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_clock import FakeClock
from readmit_runtime.testing.fake_producer import FakeProducer

COMMAND_ID = UUID("0b0c4f43-7d6a-4f0e-9a55-3c2f1f6f1a01")
RUN_ID = UUID("5a4dfe2c-8a3b-5a39-8f11-0e4c2f6b7a02")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = Request(COMMAND_ID, StartIngestion(batches={"train": "all"}, then="nothing"))


def command(outcome="accepted", **changes) -> CommandStatus:
    """Give what became of the command."""
    fields = {
        "command_id": COMMAND_ID,
        "consumer": "batch_producer",
        "command_type": ce_type(StartIngestion),
        "outcome": outcome,
        "reason": None,
        "detail": None,
        "subject": str(RUN_ID),
        "recorded_at": NOW,
    }
    return CommandStatus(**{**fields, **changes})


def run(state="streaming", published=0) -> RunStatus:
    """Give the run at some point."""
    counts = dict.fromkeys(("duplicate", "quarantined", "discarded"), 0)
    return RunStatus(
        run_id=RUN_ID,
        command_id=COMMAND_ID,
        generation=1,
        dataset_id=RUN_ID,
        requested={"train": "all"},
        then="nothing",
        state=state,
        reason=None,
        detail=None,
        batches=1,
        clean_batches=int(state == "completed"),
        planned_rows=100,
        published=published,
        missing=100 - published,
        stored=published,
        planned_at=NOW,
        streaming_at=None,
        sent_at=None,
        finished_at=None,
        **counts,
    )


class FakeStatus:
    """Status views that show one more thing at each look, and then the last one for good."""

    def __init__(self, commands=(), runs=()) -> None:
        self._commands = list(commands)
        self._runs = list(runs)

    async def command(self, command_id):
        """Return the next answer."""
        assert command_id == COMMAND_ID
        return self._next(self._commands)

    async def run_of(self, command_id):
        """Return the next answer."""
        assert command_id == COMMAND_ID
        return self._next(self._runs)

    async def run_batches(self, run):
        """Return none."""
        return []

    @staticmethod
    def _next(answers):
        if not answers:
            return None
        return answers.pop(0) if len(answers) > 1 else answers[0]


async def test_a_command_is_waited_for_until_somebody_took_it_up():
    """That Kafka has it proves nothing."""
    clock = FakeClock()
    status = FakeStatus(commands=[None, None, command()])
    assert (await Follower(status, clock).settled(REQUEST)).outcome == "accepted"
    assert clock.slept == [POLL_S, POLL_S]


async def test_a_command_that_nobody_takes_up_ends_the_waiting_and_says_where_it_is():
    """The batch producer is down; the command is not lost, and that is said."""
    clock = FakeClock()
    with pytest.raises(CommandFailed, match="acts as soon as a batch producer runs") as caught:
        await Follower(FakeStatus(), clock).settled(REQUEST)
    assert caught.value.code is ExitCode.UNAVAILABLE
    assert clock.monotonic() >= TAKEN_UP_WITHIN_S


async def test_a_refused_command_is_a_failure_with_its_reason():
    """The reason is the one that stands on record."""
    status = FakeStatus(commands=[command("rejected", reason="STORE_BUSY", detail="1 runs are streaming.")])
    with pytest.raises(CommandFailed, match=r"STORE_BUSY.*1 runs are streaming") as caught:
        await Follower(status, FakeClock()).settled(REQUEST)
    assert caught.value.code is ExitCode.FAILED


async def test_an_id_that_another_kind_of_command_had_is_said():
    """Its outcome must not pass for this command's."""
    status = FakeStatus(commands=[command(command_type=ce_type(ResetStore))])
    with pytest.raises(CommandFailed, match="was used before"):
        await Follower(status, FakeClock()).settled(REQUEST)


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_a_run_is_followed_to_whatever_its_end_is(end):
    """And each look is told to whoever watches."""
    seen = []
    status = FakeStatus(runs=[run("planned"), run(published=50), run(end, published=100)])
    ended = await Follower(status, FakeClock()).run_ended(REQUEST, lambda now, _: seen.append(now.published))
    assert ended.state == end
    assert seen == [0, 50, 100]


async def test_the_command_is_published_under_its_id_with_the_same_bytes_each_time():
    """So that giving it twice acts once."""
    broker = FakeBroker()
    broker.create_topic(INGESTION_COMMANDS.name)
    producer = FakeProducer(broker)
    await publish(REQUEST, producer)
    await publish(REQUEST, producer)
    first, second = broker.records(INGESTION_COMMANDS.name)
    envelope, message = incoming(first)
    assert (envelope.id, message, first.key) == (COMMAND_ID, REQUEST.message, b"store")
    assert (first.value, first.headers) == (second.value, second.headers)


async def test_a_delivery_that_nobody_confirmed_is_said_to_be_unknown():
    """To give the command again under another id could start two runs."""
    broker = FakeBroker()
    broker.away = True
    with pytest.raises(CommandFailed, match="may act or not") as caught:
        await publish(REQUEST, FakeProducer(broker))
    assert caught.value.code is ExitCode.UNAVAILABLE
