"""Tell a loop that turns from one that hangs, by the time of its last beat."""

from readmit_runtime.clock import Clock, SystemClock


class Heartbeat:
    """Beaten by a loop at each turn; alive while the last beat is not older than `limit_s` seconds.

    It is alive when made: a process has as long as one turn to begin.
    """

    def __init__(self, limit_s: float, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._limit_s = limit_s
        self._last = self._clock.monotonic()

    def beat(self) -> None:
        """Note that the loop turns."""
        self._last = self._clock.monotonic()

    def age_s(self) -> float:
        """Return the seconds since the last beat."""
        return self._clock.monotonic() - self._last

    def alive(self) -> bool:
        """Tell whether the last beat is young enough."""
        return self.age_s() <= self._limit_s
