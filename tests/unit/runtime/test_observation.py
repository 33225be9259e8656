"""What a service knows of itself while Postgres has nothing for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from readmit_runtime import observation
from readmit_runtime.observation import Observation


class _SilentPool:
    """One whose connections are all in use."""

    asked = 0

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109 - the pool's own signature
        """Never come to an end, not even in time."""
        self.asked += 1
        await asyncio.Event().wait()
        yield


async def test_a_pool_that_gives_nothing_does_not_make_the_process_seem_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be killed, with what it works on, for the fault of another."""
    monkeypatch.setattr(observation, "EVERY_S", 0.05)
    pool, stop = _SilentPool(), asyncio.Event()
    observed = Observation(cast(Any, pool), lambda _connection: asyncio.sleep(0))
    running = asyncio.create_task(observed.run(stop))
    for _ in range(20):
        await asyncio.sleep(0.05)
        assert observed.heartbeat.alive()
    assert pool.asked > 1
    stop.set()
    await running
