"""Tell Prometheus of a run while it goes on."""

import atexit
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from readmit_load.figures import percentile

QUANTILES = (0.5, 0.95, 0.99)


class Told(NamedTuple):
    """A metric as it is declared: counters end in `_total`."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    help: str

    def family(self) -> Any:
        """Return it without values."""
        family = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return family(self.name.removesuffix("_total"), self.help, labels=self.labels)


USERS = Told("readmit_loadtest_users", "gauge", "users", ("user",), "Users there are now, by class.")
REQUESTS = Told(
    "readmit_loadtest_requests_total",
    "counter",
    "requests",
    ("endpoint",),
    "Requests that ended, since it is measured.",
)
FAILURES = Told("readmit_loadtest_failures_total", "counter", "requests", ("endpoint",), "Those of them that failed.")
TIMES = Told(
    "readmit_loadtest_response_time_seconds",
    "gauge",
    "seconds",
    ("endpoint", "quantile"),
    "Quantiles of the time to an answer, since it is measured.",
)
FAILOVERS = Told(
    "readmit_loadtest_failovers_total", "counter", "requests", (), "Requests that were sent to a second replica."
)
SPENT = Told(
    "readmit_loadtest_generator_cpu_seconds_total", "counter", "seconds", ("process",), "CPU time of the generator."
)
TABLE = (USERS, REQUESTS, FAILURES, TIMES, FAILOVERS, SPENT)


class Spent(Protocol):
    """What a process of the generator took."""

    @property
    def cpu_s(self) -> float:
        """CPU seconds."""
        ...


class Seen(Protocol):
    """What is told; `readmit_load.recording.Recording` has it."""

    spent: Mapping[str, Spent]

    @property
    def failovers(self) -> int:
        """Requests sent to a second replica."""
        ...


class RunMetrics(Collector):
    """Reads everything off the run at each scrape."""

    def __init__(self, environment: Any, seen: Seen) -> None:
        self._environment = environment
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        """Give the metrics as they are now."""
        users, requests, failures, times, failovers, spent = (told.family() for told in TABLE)
        for user, count in self._environment.runner.user_classes_count.items():
            users.add_metric([user], count)
        for entry in list(self._environment.stats.entries.values()):
            endpoint = f"{entry.method} {entry.name}"
            requests.add_metric([endpoint], entry.num_requests)
            failures.add_metric([endpoint], entry.num_failures)
            counts = dict(entry.response_times)
            for quantile in QUANTILES:
                times.add_metric([endpoint, str(quantile)], percentile(counts, quantile) / 1e3)
        failovers.add_metric([], self._seen.failovers)
        for process, taken in self._seen.spent.items():
            spent.add_metric([process], taken.cpu_s)
        yield from (users, requests, failures, times, failovers, spent)


def serve(metrics: RunMetrics, *, host: str, port: int, target: str) -> None:
    """Answer scrapes until the process ends; `target` is a file by which a Prometheus finds it, removed at the end."""
    registry = CollectorRegistry()
    registry.register(metrics)
    start_http_server(port, addr=host, registry=registry)
    if target:
        path = Path(target)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps([{"targets": [f"{host}:{port}"]}]))
        beside.rename(path)
        atexit.register(path.unlink, missing_ok=True)
