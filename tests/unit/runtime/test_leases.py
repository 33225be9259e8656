"""A lease is kept while its work goes on, and the work ends with it."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from readmit_runtime.errors import Transient
from readmit_runtime.leases import LeaseLost, Renew, keep_lease
from readmit_runtime.testing.fake_clock import FakeClock

LONG_S = 30.0


class Renewals:
    """Answers renewals in turn: a bool, or an error to raise; the last answer goes on for ever."""

    def __init__(self, answers: Sequence[bool | Exception]) -> None:
        self.answers = list(answers)
        self.asked = 0
        self._changed = asyncio.Condition()

    async def __call__(self) -> bool:
        """Give the next answer."""
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        async with self._changed:
            self.asked += 1
            self._changed.notify_all()
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def until(self, asked: int) -> None:
        """Wait until so many renewals were asked for."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.asked >= asked)


async def end_of(work: Renew, *, expires_s: float | None = None, every_s: float = 10.0) -> None:
    """Hold the lease in fake time and work for longer than any test takes."""
    async with keep_lease(work, every_s, expires_s=expires_s, clock=FakeClock()):
        await asyncio.sleep(LONG_S)


async def test_the_lease_is_renewed_while_the_body_works_and_not_after() -> None:
    """A lease that is renewed after its work would keep the next worker waiting."""
    renew = Renewals([True])
    async with keep_lease(renew, 10.0, clock=FakeClock()):
        await renew.until(5)
    asked = renew.asked
    await asyncio.sleep(0.01)

    assert renew.asked == asked


async def test_the_body_is_cancelled_and_lease_lost_raised_when_another_holds_it() -> None:
    """Hours of fitting for a result that will be thrown away help nobody."""
    undone: list[str] = []

    async def fit() -> None:
        async with keep_lease(Renewals([True, True, False]), 10.0, clock=FakeClock()):
            try:
                await asyncio.sleep(LONG_S)
            finally:
                undone.append("child process ended")

    started = time.monotonic()
    with pytest.raises(LeaseLost, match="another attempt"):
        await fit()
    assert undone == ["child process ended"]
    assert time.monotonic() - started < LONG_S / 2
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_database_that_is_away_for_a_moment_does_not_end_the_work() -> None:
    """A restart of Postgres takes seconds, a lease lasts longer."""
    renew = Renewals([Transient("away"), True, Transient("away"), True])
    async with keep_lease(renew, 10.0, expires_s=25.0, clock=FakeClock()):
        await renew.until(8)


async def test_a_lease_that_could_not_be_renewed_for_its_length_counts_as_lost() -> None:
    """By then another worker may have taken it; ours can't know."""
    with pytest.raises(LeaseLost, match="could not be renewed for 25 s"):
        await end_of(Renewals([True, Transient("away")]), expires_s=25.0)


async def test_the_time_that_a_renewal_takes_is_not_added_to_the_lease() -> None:
    """The row was written when the answer set out, and the lease runs from there."""
    clock = FakeClock()
    asked_at: list[float] = []

    async def renew() -> bool:
        asked_at.append(clock.monotonic())
        if len(asked_at) > 1:
            raise Transient("away")
        clock.advance(10.0)
        return True

    async def work() -> None:
        async with keep_lease(renew, 10.0, expires_s=25.0, clock=clock):
            await asyncio.sleep(LONG_S)

    with pytest.raises(LeaseLost):
        await work()
    assert asked_at == [10.0, 30.0, 40.0]


async def test_a_renewal_that_hangs_counts_as_failed() -> None:
    """A black hole in the network answers nothing, not even an error."""

    async def hang() -> bool:
        await asyncio.sleep(LONG_S)
        return True

    with pytest.raises(LeaseLost):
        await end_of(hang, every_s=0.01, expires_s=0.05)


async def test_an_unknown_error_of_the_renewal_is_raised_in_the_body() -> None:
    """A fault in the SQL is no lost lease, and must not be retried for ever."""
    with pytest.raises(LookupError, match="no such column"):
        await end_of(Renewals([LookupError("no such column")]))


async def test_cancelling_the_worker_from_outside_stays_a_cancellation() -> None:
    """A shutdown must not look like a lost lease."""

    async def work() -> None:
        async with keep_lease(Renewals([True]), 10.0):
            await asyncio.sleep(LONG_S)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_body_is_raised_as_it_is() -> None:
    """The lease is no reason to hide what went wrong."""

    async def fail() -> None:
        async with keep_lease(Renewals([True]), 10.0):
            raise ValueError("own fault")

    with pytest.raises(ValueError, match="own fault"):
        await fail()


async def test_a_body_that_ends_before_it_is_told_has_lost_nothing() -> None:
    """Its last transaction ends the job, so that a renewal under way finds no lease: that is no failure."""
    clock = FakeClock()
    ended = asyncio.Event()

    async def renew() -> bool:
        await ended.wait()
        return False

    async with keep_lease(renew, 10.0, clock=clock):
        await asyncio.sleep(0.01)
        ended.set()
