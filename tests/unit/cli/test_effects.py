"""Waiting for the effect of a message."""

import pytest
from readmit_cli.asking.effects import POLL_S, TAKEN_UP_WITHIN_S, Awaited, settled, taken_up
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_contracts.commands import ResetStore, StartIngestion
from readmit_contracts.registry import ce_type
from readmit_runtime.testing.fake_clock import FakeClock
from support.answers import FakeViews
from support.status_rows import COMMAND_ID, command

AWAITED = Awaited(COMMAND_ID, StartIngestion, "batch_producer")


async def test_a_command_is_waited_for_until_somebody_took_it_up():
    """That Kafka has it proves nothing; what another service made of its id is not asked for."""
    clock = FakeClock()
    views = FakeViews(command=[None, None, command()])
    assert (await taken_up(AWAITED, views, clock)).outcome == "accepted"
    assert clock.slept == [POLL_S, POLL_S]
    assert set(views.command.asked) == {(COMMAND_ID, "batch_producer")}


async def test_a_command_that_nobody_takes_up_ends_the_waiting_and_says_where_it_is():
    """The service is down; the command is not lost, and that is said."""
    clock = FakeClock()
    with pytest.raises(CommandFailed, match=r"batch_producer did not .* acts as soon as that service") as caught:
        await taken_up(AWAITED, FakeViews(), clock)
    assert caught.value.code is ExitCode.UNAVAILABLE
    assert clock.monotonic() >= TAKEN_UP_WITHIN_S


async def test_a_refused_command_is_a_failure_with_its_reason():
    """The reason is the one that stands on record."""
    views = FakeViews(command=[command("rejected", reason="STORE_BUSY", detail="1 runs are streaming.")])
    with pytest.raises(CommandFailed, match=r"STORE_BUSY.*1 runs are streaming") as caught:
        await taken_up(AWAITED, views, FakeClock())
    assert caught.value.code is ExitCode.FAILED


async def test_an_id_that_another_kind_of_command_had_is_said():
    """Its outcome must not pass for this command's."""
    views = FakeViews(command=[command(command_type=ce_type(ResetStore))])
    with pytest.raises(CommandFailed, match="was used before"):
        await taken_up(AWAITED, views, FakeClock())


async def test_work_that_goes_on_after_the_taking_up_is_waited_for():
    """Accepted is no outcome yet; each look tells whoever watches."""
    looks = []

    async def on_look() -> None:
        looks.append(1)

    views = FakeViews(command=[None, command(), command(), command("applied", detail="done")])
    assert (await settled(AWAITED, views, FakeClock(), on_look)).detail == "done"
    assert len(looks) == 2


async def test_a_refusal_that_comes_late_is_a_failure_too():
    """The gate answers long after the command was taken up."""
    views = FakeViews(command=[command(), command("rejected", reason="GATE", detail="not better")])
    with pytest.raises(CommandFailed, match="GATE"):
        await settled(AWAITED, views, FakeClock())
