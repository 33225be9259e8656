"""Budgets, beats and back-offs follow the clock they are given."""

import pytest
from readmit_runtime.backoff import Backoff
from readmit_runtime.deadline import Deadline
from readmit_runtime.heartbeat import Heartbeat
from readmit_runtime.testing.fake_clock import FakeClock


async def test_steps_that_share_a_deadline_share_its_seconds() -> None:
    """Two waits of 30 seconds each are a minute, and the supervisor kills after 30."""
    clock = FakeClock()
    deadline = Deadline.after(30.0, clock)
    await clock.sleep(20.0)

    assert deadline.remaining() == pytest.approx(10.0)
    clock.advance(15.0)
    assert deadline.remaining() == 0.0
    assert deadline.expired


async def test_a_fake_sleep_takes_no_time_and_moves_both_clocks() -> None:
    """Tests of minutes must run in milliseconds."""
    clock = FakeClock()
    before = clock.now()
    await clock.sleep(3600.0)

    assert clock.monotonic() == 3600.0
    assert (clock.now() - before).total_seconds() == 3600.0
    assert clock.slept == [3600.0]


def test_a_loop_without_a_beat_is_dead_after_the_limit() -> None:
    """Liveness asks only whether our own loop turns."""
    clock = FakeClock()
    heart = Heartbeat(10.0, clock=clock)
    clock.advance(10.0)
    assert heart.alive()
    clock.advance(0.1)
    assert not heart.alive()
    heart.beat()
    assert heart.alive()


def test_delays_double_up_to_their_limit_and_start_anew_after_a_success() -> None:
    """A dependency that comes back must not meet a storm, nor wait for a minute."""
    backoff = Backoff(first_s=1.0, most_s=10.0, chance=lambda: 0.0)
    assert [backoff.next_s() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 10.0]
    backoff.reset()
    assert backoff.next_s() == 1.0


def test_chance_shortens_a_delay_by_up_to_half() -> None:
    """Processes that failed together must not come back together."""
    assert Backoff(first_s=8.0, most_s=10.0, chance=lambda: 1.0).next_s() == 4.0


def test_delays_stay_bounded_after_thousands_of_failures() -> None:
    """An outage over a weekend must not end in an overflow."""
    backoff = Backoff(first_s=1.0, most_s=10.0, chance=lambda: 0.0)
    backoff.failures = 100_000
    assert backoff.next_s() == 10.0
