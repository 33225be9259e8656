"""Choose a replica for each request as a load balancer does that learns of a dead one by its own requests."""

import time
from collections.abc import Sequence

REST_S = 1.0


class Replicas:
    """The addresses of the replicas; one that failed is left alone for a second."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = tuple(urls)
        self._resting: dict[str, float] = {}
        self.failovers = 0
        """Requests that were sent to a second replica because the first one was gone or not ready."""

    def home(self, number: int) -> str:
        """Return the replica of a user, the next one while it rests."""
        return self._next(number % len(self.urls))

    def instead_of(self, url: str) -> str | None:
        """Note that a replica failed, and return another one that may answer; None when there is no other."""
        self._resting[url] = time.monotonic() + REST_S
        other = self._next(self.urls.index(url) + 1)
        if other == url or (other in self._resting and self._resting[other] > time.monotonic()):
            return None
        self.failovers += 1
        return other

    def _next(self, start: int) -> str:
        now = time.monotonic()
        ordered = [self.urls[(start + step) % len(self.urls)] for step in range(len(self.urls))]
        return next((url for url in ordered if self._resting.get(url, 0.0) <= now), ordered[0])
