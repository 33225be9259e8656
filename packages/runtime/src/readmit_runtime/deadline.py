"""Share one budget of time among the steps of a task."""

from typing import Self

from readmit_runtime.clock import Clock


class Deadline:
    """A moment by which several steps together must be done; each asks how much is left."""

    def __init__(self, at: float, clock: Clock) -> None:
        self._at = at
        self._clock = clock

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> Self:
        """Start a budget of so many seconds now."""
        return cls(clock.monotonic() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left, never below 0."""
        return max(0.0, self._at - self._clock.monotonic())

    @property
    def expired(self) -> bool:
        """Tell whether nothing is left."""
        return self.remaining() == 0.0
