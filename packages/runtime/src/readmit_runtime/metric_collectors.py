"""Collect what the library's own metrics can not: counts that others keep, and histograms that cost little."""

# mypy: untyped-calls-exclude=prometheus_client

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from readmit_runtime import trace_context, tracing

_SORTED_AT_ONCE = 256


class ReadCounter(Collector):
    """A counter that is read where others keep it."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str]) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._reads: dict[tuple[str, ...], Callable[[], float]] = {}

    def read(self, function: Callable[[], float], *labels: str) -> None:
        """Let the series of these labels have what `function` returns, which must never fall."""
        self._reads[labels] = function

    def describe(self) -> Iterable[CounterMetricFamily]:
        """Return the counter without a series, so that the registry knows its name."""
        return [CounterMetricFamily(self._name, self._documentation, labels=self._labels)]

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Return the counter as it stands."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, function in self._reads.items():
            family.add_metric(labels, function())
        return [family]


class Distribution:
    """One series of a histogram. Values are put down as they come and sorted into buckets later, many at once."""

    __slots__ = ("_bounds", "_counts", "_seen", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0
        self._seen: list[float] = []

    def observe(self, value: float) -> None:
        """Take a value in; the event loop's thread alone may, which is also the one that asks for the sums."""
        self._seen.append(value)
        if len(self._seen) >= _SORTED_AT_ONCE:
            self._sort()

    def sums(self) -> tuple[Sequence[int], float]:
        """Return how many values fell into each bucket alone, the last one being above all bounds, and their sum."""
        self._sort()
        return self._counts, self._total

    def exemplars(self) -> Mapping[int, Exemplar]:
        """Return by the bucket's number a value that is told with the trace it came from."""
        return {}

    def _sort(self) -> None:
        for value in self._seen:
            self._counts[bisect_left(self._bounds, value)] += 1
        self._total += sum(self._seen)
        self._seen.clear()


class TracedDistribution(Distribution):
    """One whose process exports spans: it keeps the last value of each bucket that came from an exported trace."""

    __slots__ = ("_exemplars",)

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__(bounds)
        self._exemplars: dict[int, Exemplar] = {}

    def observe(self, value: float) -> None:
        """Take a value in."""
        super().observe(value)
        if (trace_id := trace_context.exported_trace_id()) is not None:
            self._exemplars[bisect_left(self._bounds, value)] = Exemplar({"trace_id": trace_id}, value, time.time())

    def exemplars(self) -> Mapping[int, Exemplar]:
        """Return the values kept."""
        return self._exemplars


class Histogram(Collector):
    """A histogram without locks.

    The library's takes a lock for each number and looks through its buckets one by one, at a time when all of that has
    left the processor's cache. Of the 130 us of a prediction its three values took 12 to 24 there; here they take 2
    to 3 (`make bench-metrics`).
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        buckets: Sequence[float],
        *,
        exemplars: bool = False,
    ) -> None:
        """Make a collector; `exemplars` are kept where the process exports spans as well."""
        self._kind = TracedDistribution if exemplars and tracing.exporting() else Distribution
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._bounds = tuple(buckets)
        self._series: dict[tuple[str, ...], Distribution] = {}
        if not labels:
            self.labels()

    def labels(self, *values: str) -> Distribution:
        """Return the series of these values; raises ValueError when they are not one for each label."""
        if len(values) != len(self._labels):
            raise ValueError(f"{self._name} has the labels {', '.join(self._labels) or 'none'}")
        found = self._series.get(values)
        if found is None:
            found = self._series[values] = self._kind(self._bounds)
        return found

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """Return the histogram without a series, so that the registry knows its names."""
        return [HistogramMetricFamily(self._name, self._documentation, labels=self._labels)]

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return the histogram as it stands: in each bucket all values up to its bound, and perhaps an exemplar."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        bounds = [floatToGoString(bound) for bound in (*self._bounds, float("inf"))]
        for values, found in self._series.items():
            counts, total = found.sums()
            exemplars = found.exemplars()
            buckets = [
                (bound, count, exemplars[number]) if number in exemplars else (bound, count)
                for number, (bound, count) in enumerate(zip(bounds, accumulate(counts), strict=True))
            ]
            family.add_metric(values, buckets, total)
        return [family]
