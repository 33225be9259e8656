"""Wait longer after each failure in a row, and never in step with others that failed at the same moment."""

import random
from collections.abc import Callable


class Backoff:
    """Delays in seconds that double from `first_s` up to `most_s`, each shortened by up to half at random."""

    def __init__(
        self, *, first_s: float = 0.2, most_s: float = 15.0, chance: Callable[[], float] = random.random
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._chance = chance
        self.failures = 0
        """Failures in a row so far."""

    def next_s(self) -> float:
        """Count one more failure and return the delay before the next attempt."""
        # The exponent is bounded: a dependency may be away for days.
        delay = min(self._most_s, self._first_s * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return delay * (1.0 - 0.5 * self._chance())

    def reset(self) -> None:
        """Note a success: the next failure starts from the shortest delay."""
        self.failures = 0
