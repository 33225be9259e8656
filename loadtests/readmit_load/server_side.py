"""Add up what the predictors' own histograms say of the time in which they were asked."""

import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException

import msgspec
from prometheus_client.parser import text_string_to_metric_families

HISTOGRAM = "readmit_predictor_answer_duration_seconds"

Series = tuple[str, float]
"""Path, and the bucket's upper bound in seconds."""
Totals = Mapping[Series, float]


class ServerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the predictors measured of one path, worked out between the bounds of their buckets as Prometheus does."""

    requests: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


def read_buckets(text: str) -> dict[Series, float]:
    """Return the counts up to each bound of a scrape, all classes of status together."""
    kept = "\n".join(line for line in text.splitlines() if HISTOGRAM in line)
    found: Counter[Series] = Counter()
    for family in text_string_to_metric_families(kept + "\n"):
        for sample in family.samples:
            if sample.name == f"{HISTOGRAM}_bucket":
                found[sample.labels["path"], float(sample.labels["le"])] += sample.value
    return dict(found)


class ServerSide:
    """Looks at each predictor's histogram now and then; a process that was started anew begins at 0 and is added."""

    def __init__(self, urls: Sequence[str], fetch: Callable[[str], str]) -> None:
        """Take the predictors' base URLs and the way to get a page."""
        self._urls = urls
        self._fetch = fetch
        self._last: dict[str, Totals] = {}
        self._totals: Counter[Series] = Counter()
        self._looking = threading.Lock()  # Locust makes it gevent's; two looks at once would count a page twice
        self.missed = 0
        """Looks that found nobody: what a process that was killed had counted since the last look is lost."""

    def look(self) -> None:
        """Add what each predictor counted since the last look; the first one counts as nothing."""
        with self._looking:
            for url in self._urls:
                self._look_at(url)

    def _look_at(self, url: str) -> None:
        try:
            now = read_buckets(self._fetch(f"{url}/metrics"))
        except (OSError, HTTPException):  # the latter of one that was killed in the middle of its answer
            self.missed += 1
            return
        before = self._last.get(url)
        if before is not None:
            anew = any(now.get(series, 0.0) < count for series, count in before.items())
            for series, count in now.items():
                self._totals[series] += count - (0.0 if anew else before.get(series, 0.0))
        self._last[url] = now

    def totals(self) -> Totals:
        """Return what was counted so far, to tell a part from the whole afterwards."""
        return dict(self._totals)

    def since(self, before: Totals) -> dict[str, ServerFigures]:
        """Return the figures by path of what was counted after `before`."""
        paths: dict[str, dict[float, float]] = {}
        for (path, bound), count in self._totals.items():
            paths.setdefault(path, {})[bound] = count - before.get((path, bound), 0.0)
        return {path: _figures(counts) for path, counts in sorted(paths.items()) if counts.get(math.inf)}


def _figures(counts: Mapping[float, float]) -> ServerFigures:
    return ServerFigures(
        requests=round(counts[math.inf]),
        p50_ms=quantile_ms(counts, 0.5),
        p95_ms=quantile_ms(counts, 0.95),
        p99_ms=quantile_ms(counts, 0.99),
    )


def quantile_ms(counts: Mapping[float, float], share: float) -> float | None:
    """Return the quantile in milliseconds, evenly spread within its bucket; None beyond the last bound."""
    wanted = share * counts[math.inf]
    low, below = 0.0, 0.0
    for bound in sorted(counts):
        if counts[bound] >= wanted:
            if math.isinf(bound):
                return None
            return round(1e3 * (low + (bound - low) * (wanted - below) / max(counts[bound] - below, 1e-9)), 2)
        low, below = bound, counts[bound]
    return None
