"""Declare a service's metrics in one table, checked as a whole before the first is used.

A service's `metrics.py` holds its table and makes one `Metrics` of it in its composition root. The registry is its
own: nothing is registered at import, and two services in one test do not meet. What every process tells of itself
comes with it.
"""

# mypy: untyped-calls-exclude=prometheus_client

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

from readmit_runtime.markdown_table import markdown_table
from readmit_runtime.metric_collectors import Histogram, ReadCounter

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)+")
_WORD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*")


class MetricInvalid(ValueError):
    """The table breaks a rule of names, units, labels or buckets; the text names the metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """What every metric says of itself. Its name is `readmit_<service>_<thing>_<unit>`, counters end in `_total`.

    Only a name with an `origin` is another program's.
    """

    name: str
    unit: str
    help: str
    """What it counts or measures, and what to think when it moves."""
    labels: tuple[str, ...] = ()
    origin: str = ""
    """The program that made this name usual, where it is not this project's; dashboards for that one work then."""
    from_start: tuple[str, ...] = ()
    """Values of its only label whose series are there before the first event, which `increase` would miss otherwise."""
    kind: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSpec(MetricSpec):
    """A number that only grows."""

    kind = "counter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCounterSpec(CounterSpec):
    """A number that only grows, that somebody else keeps, and that is read when it is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeSpec(MetricSpec):
    """A number that goes up and down."""

    kind = "gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramSpec(MetricSpec):
    """A distribution, counted in buckets."""

    kind = "histogram"
    buckets: tuple[float, ...]
    """Upper bounds, in the metric's unit, rising; chosen for what is measured, so there is no default."""


PROCESS: tuple[MetricSpec, ...] = (
    CounterSpec(name="process_cpu_seconds_total", unit="seconds", help="CPU time, user and system."),
    GaugeSpec(name="process_resident_memory_bytes", unit="bytes", help="Memory in use, shared pages included."),
    GaugeSpec(name="process_virtual_memory_bytes", unit="bytes", help="Address space in use."),
    GaugeSpec(name="process_open_fds", unit="fds", help="Open files and sockets."),
    GaugeSpec(name="process_max_fds", unit="fds", help="How many may be open; at this many nothing connects any more."),
    GaugeSpec(
        name="process_start_time_seconds",
        unit="seconds",
        help="When the process started, since 1970. A change nobody made is a crash, or its watchdog's doing.",
    ),
)
"""What every process tells of itself, under the names that dashboards know; on Linux alone."""


_Made = Counter | ReadCounter | Gauge | Histogram
_Kind = TypeVar("_Kind", Counter, ReadCounter, Gauge, Histogram)


class Metrics:
    """The metrics of one table, and the process's own, registered and ready to use."""

    def __init__(self, service: str, table: Sequence[MetricSpec], *, registry: CollectorRegistry) -> None:
        """Check and register the table; raises MetricInvalid, also for a name that is there twice."""
        self._made: dict[MetricSpec, _Made] = {}
        names: set[str] = set()
        for spec in table:
            _check(service, spec)
            if spec.name in names:
                raise MetricInvalid(f"{spec.name} is declared twice")
            names.add(spec.name)
        disable_created_metrics()  # a series beside each counter and histogram that nobody declares or reads
        for spec in table:
            made = self._made[spec] = _make(spec, registry)
            if not isinstance(made, ReadCounter):
                for value in spec.from_start:
                    made.labels(value)
        ProcessCollector(registry=registry)

    def counter(self, spec: CounterSpec) -> Counter:
        """Return the counter of this row of the table; KeyError when it is not in it."""
        return self._find(spec, Counter)

    def read_counter(self, spec: ReadCounterSpec) -> ReadCounter:
        """Return the read counter of this row of the table; KeyError when it is not in it."""
        return self._find(spec, ReadCounter)

    def gauge(self, spec: GaugeSpec) -> Gauge:
        """Return the gauge of this row of the table; KeyError when it is not in it."""
        return self._find(spec, Gauge)

    def histogram(self, spec: HistogramSpec) -> Histogram:
        """Return the histogram of this row of the table; KeyError when it is not in it."""
        return self._find(spec, Histogram)

    def _find(self, spec: MetricSpec, kind: type[_Kind]) -> _Kind:
        made = self._made[spec]
        if not isinstance(made, kind):
            raise KeyError(spec.name)
        return made


def metrics_table(table: Sequence[MetricSpec]) -> str:
    """Render the table in Markdown for the service's documents: name, kind, labels, unit, meaning."""
    return markdown_table(
        ("Metric", "Kind", "Labels", "Unit", "Meaning"),
        [
            (
                f"`{spec.name}`",
                spec.kind,
                ", ".join(f"`{label}`" for label in spec.labels),
                spec.unit,
                spec.help,
            )
            for spec in table
        ],
    )


def _make(spec: MetricSpec, registry: CollectorRegistry) -> _Made:
    if isinstance(spec, ReadCounterSpec):
        made: ReadCounter | Histogram = ReadCounter(spec.name, spec.help, spec.labels)
    elif isinstance(spec, HistogramSpec):
        # An exemplar is one value as it was: a time may be told, a patient's probability may not.
        exemplars = spec.unit == "seconds"
        made = Histogram(spec.name, spec.help, spec.labels, spec.buckets, exemplars=exemplars)
    elif isinstance(spec, CounterSpec):
        return Counter(spec.name, spec.help, spec.labels, registry=registry)
    elif isinstance(spec, GaugeSpec):
        return Gauge(spec.name, spec.help, spec.labels, registry=registry)
    else:
        raise MetricInvalid(f"{spec.name} is neither a counter nor a gauge nor a histogram")
    registry.register(made)
    return made


def _check(service: str, spec: MetricSpec) -> None:
    own = not spec.origin
    for broken, rule in (
        (not _NAME.fullmatch(spec.name), "is not lower-case words joined by underscores"),
        (own and not spec.name.startswith(f"readmit_{service}_"), f"does not begin with readmit_{service}_"),
        (not _WORD.fullmatch(spec.unit), "has no unit"),
        (own and not _thing(service, spec), "has no thing and unit after the service, or another unit than it says"),
        (isinstance(spec, CounterSpec) != spec.name.endswith("_total"), "counters, and only they, end in _total"),
        (not spec.help.strip(), "says nothing of its meaning"),
        (any(not _WORD.fullmatch(label) for label in spec.labels), "has a label that is no lower-case word"),
        (len(set(spec.labels)) != len(spec.labels), "has a label twice"),
        (bool(spec.from_start) and len(spec.labels) != 1, "has values from the start for other than one label"),
        (isinstance(spec, HistogramSpec) and not _rising(spec.buckets), "has buckets that do not rise"),
    ):
        if broken:
            raise MetricInvalid(f"{spec.name}: {rule}")


def _thing(service: str, spec: MetricSpec) -> str:
    rest = spec.name.removeprefix(f"readmit_{service}_").removesuffix("_total")
    return rest.removesuffix(f"_{spec.unit}") if rest.endswith(f"_{spec.unit}") else ""


def _rising(buckets: tuple[float, ...]) -> bool:
    return bool(buckets) and all(low < high for low, high in pairwise(buckets))
