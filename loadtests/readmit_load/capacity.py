"""Find the most users that hold the limits: steps up until they are broken, then bisects, and that some times over."""

import statistics
from dataclasses import dataclass, field

import msgspec

from readmit_load.figures import Window


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The most users of one search that held, and the requests a second that they made."""

    users: int
    rate: float


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One number of users that a search for the capacity tried."""

    users: int
    held: bool
    misses: tuple[str, ...]
    void: str | None
    window: Window


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """The most users that held the limits: the median of the repeats, and each of them."""

    users: int
    rate: float
    repeats: list[Held]
    limited_by: str
    """slo, generator or most: what ended the way up."""
    trials: list[Trial]

    @property
    def said(self) -> str:
        """The figure in words."""
        counts = [held.users for held in self.repeats]
        end = {
            "slo": "",
            "generator": ", beyond which the generator is starved",
            "most": ", and no more were asked for",
        }
        return (
            f"{self.users} users [{min(counts)} .. {max(counts)} of {len(counts)} searches] hold the limits at "
            f"{self.rate:.0f} requests/s{end[self.limited_by]}"
        )


@dataclass
class Search:
    """Says how many users come next, until it knows; each repeat begins below what the one before found."""

    first: int
    most: int
    repeats: int = 3
    tolerance: float = 0.05
    """A search ends when it knows the figure within this share."""
    found: list[Held] = field(default_factory=list)
    _low: Held = field(default_factory=lambda: Held(users=0, rate=0.0))
    _high: int | None = None
    _asked: int = 0

    @property
    def users(self) -> int | None:
        """How many users to try next; None when every repeat is over."""
        if len(self.found) == self.repeats:
            return None
        if not self._asked:
            self._asked = min(self.first, self.most)
        return self._asked

    @property
    def open_ended(self) -> bool:
        """Whether a search ended because there may be no more users, and not because the limits broke."""
        return any(held.users == self.most for held in self.found)

    def tell(self, *, held: bool, rate: float) -> None:
        """Say what came of the users that were tried."""
        tried = self._asked
        if held:
            self._low = Held(users=tried, rate=rate)
        else:
            self._high = tried
        if self._high is None and tried < self.most:
            self._asked = min(2 * tried, self.most)
            return
        if self._high is None or self._high - self._low.users <= max(1, self.tolerance * self._high):
            self._end()
            return
        self._asked = (self._low.users + self._high) // 2

    def median(self) -> Held:
        """Return the median of the repeats, by users; only when it is over."""
        middle = statistics.median_low(held.users for held in self.found)
        return next(held for held in self.found if held.users == middle)

    def _end(self) -> None:
        self.found.append(self._low)
        # The figure may lie higher or lower the next time: the search has to be free to go both ways.
        self._asked = max(1, self._low.users * 3 // 4)
        self._low, self._high = Held(users=0, rate=0.0), None
