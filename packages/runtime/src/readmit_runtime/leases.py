"""Keep a lease while its work goes on, and end the work when the lease is lost.

The lease itself is a row that the service renews by SQL, with the clock of Postgres. What is here only asks for the
renewal in time. The work's own transactions still name their attempt: that fence decides, this one saves effort.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.errors import Transient

Renew = Callable[[], Awaitable[bool]]
"""Renews the lease and tells whether it is still held; may raise Transient."""


class LeaseLost(Exception):
    """Another worker may hold the lease by now: whatever was in hand must be left as it is."""


@asynccontextmanager
async def keep_lease(
    renew: Renew, every_s: float, *, expires_s: float | None = None, clock: Clock | None = None
) -> AsyncIterator[None]:
    """Renew a lease every `every_s` seconds while the body runs; the caller holds it already.

    The body is cancelled, and LeaseLost raised in its place, when `renew` answers False or when no renewal succeeded
    for `expires_s` seconds (three times `every_s` unless given; the length of the lease, not more). Transient errors
    of `renew` are tried again until then; any other error cancels the body and is raised. A body that ends normally
    before it is told has not lost anything.
    """
    body = asyncio.current_task()
    if body is None:
        raise RuntimeError("keep_lease needs a running task, for it to be cancelled")
    told = False

    def tell(_keeper: "asyncio.Task[None]") -> None:
        nonlocal told
        told = True
        body.cancel()

    keeper = asyncio.create_task(_renew_until_lost(renew, every_s, expires_s or 3 * every_s, clock or SystemClock()))
    keeper.add_done_callback(tell)
    try:
        yield
    except BaseException as error:
        if not told or body.uncancel() > 0:
            raise  # the body's own error, or it was cancelled from outside as well
        raise _why(keeper) from error
    else:
        if told:
            body.uncancel()
            raise _why(keeper)
    finally:
        keeper.remove_done_callback(tell)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


def _why(keeper: "asyncio.Task[None]") -> BaseException:
    return keeper.exception() or LeaseLost("the lease is no longer renewed")


async def _renew_until_lost(renew: Renew, every_s: float, expires_s: float, clock: Clock) -> None:
    renewed = clock.monotonic()
    while True:
        await clock.sleep(every_s)
        asked = clock.monotonic()
        try:
            async with asyncio.timeout(max(0.0, renewed + expires_s - asked)):
                held = await renew()
        except (Transient, TimeoutError) as error:
            if clock.monotonic() >= renewed + expires_s:
                raise LeaseLost(f"the lease could not be renewed for {expires_s:g} s and may have expired") from error
            continue
        if not held:
            raise LeaseLost("the lease is held by another attempt, or its work was ended")
        renewed = asked  # not the time of the answer: the row was written before that
