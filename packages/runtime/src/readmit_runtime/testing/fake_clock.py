"""A clock whose time passes only when a test says so."""

import asyncio
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """A Clock: `sleep` returns at once and moves time on; `advance` moves it without a sleeper.

    `slept` holds every sleep asked for, in seconds and in order.
    """

    def __init__(self, start: datetime = _START) -> None:
        self._start = start
        self._elapsed = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds that passed since the clock was made."""
        return self._elapsed

    def now(self) -> datetime:
        """Return the start moved on by the seconds that passed."""
        return self._start + timedelta(seconds=self._elapsed)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and other tasks have a turn."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)
