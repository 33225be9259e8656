"""Declare once what every service that consumes tells of its consumers and its outbox, and read it off them.

A service puts `loop_specs` into its table. Nothing is counted twice: the loops keep their own counts, which are read
when somebody asks; only the age of records is noted as they pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.consumer import Handler
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.metrics import GaugeSpec, HistogramSpec, Metrics, MetricSpec, ReadCounterSpec
from readmit_runtime.outbox_relay import OutboxRelay
from readmit_runtime.watchdog import Watchdog

_AGE_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 86_400.0)
_CONSUMER = ("consumer",)


@dataclass(frozen=True, slots=True)
class LoopSpecs:
    """The rows of a service's table that `loop_specs` makes."""

    waiting: GaugeSpec
    age: HistogramSpec
    handled: ReadCounterSpec
    failures: GaugeSpec
    retries: ReadCounterSpec
    rebalances: ReadCounterSpec
    lost_commits: ReadCounterSpec
    standstill: GaugeSpec
    published: ReadCounterSpec
    refused: ReadCounterSpec

    def rows(self) -> tuple[MetricSpec, ...]:
        """Return them in this order."""
        return tuple(getattr(self, field.name) for field in fields(self))


def loop_specs(service: str) -> LoopSpecs:
    """Return the rows for one service; `consumer` is the name of one of its loops."""
    prefix = f"readmit_{service}"
    return LoopSpecs(
        waiting=GaugeSpec(
            name=f"{prefix}_waiting_records",
            unit="records",
            help="Records known to wait in the partitions held. Falls to 0 when the work is done; the lag in messages.",
            labels=_CONSUMER,
        ),
        age=HistogramSpec(
            name=f"{prefix}_record_age_seconds",
            unit="seconds",
            help="Age of the oldest record of each group of records when its effect was there: the lag in seconds.",
            labels=_CONSUMER,
            buckets=_AGE_BUCKETS_S,
        ),
        handled=ReadCounterSpec(
            name=f"{prefix}_handled_records_total",
            unit="records",
            help="Records handled to the end, those without a new effect and those parked included.",
            labels=_CONSUMER,
        ),
        failures=GaugeSpec(
            name=f"{prefix}_consumer_failures",
            unit="failures",
            help="Failures in a row of the work in hand. Above 0, a dependency is away; the log names it.",
            labels=_CONSUMER,
        ),
        retries=ReadCounterSpec(
            name=f"{prefix}_consumer_retries_total",
            unit="retries",
            help="Times the work in hand had to wait for a dependency.",
            labels=_CONSUMER,
        ),
        rebalances=ReadCounterSpec(
            name=f"{prefix}_consumer_rebalances_total",
            unit="rebalances",
            help="Times the group shared its partitions out anew, the process's own joining included. "
            "A steady rise: members come and go.",
            labels=_CONSUMER,
        ),
        lost_commits=ReadCounterSpec(
            name=f"{prefix}_lost_commits_total",
            unit="commits",
            help="Commits of partitions that had moved on; their records come again, without a second effect.",
            labels=_CONSUMER,
        ),
        standstill=GaugeSpec(
            name=f"{prefix}_consumer_standstill_seconds",
            unit="seconds",
            help="For how long the watchdog has seen records wait without a commit. Near 0 in health; at the "
            "watchdog's limit it ends the process, with exit code 70.",
            labels=_CONSUMER,
        ),
        published=ReadCounterSpec(
            name=f"{prefix}_published_events_total",
            unit="events",
            help="Events and dead letters that this process's relay published; one process at a time publishes.",
        ),
        refused=ReadCounterSpec(
            name=f"{prefix}_refused_events_total",
            unit="events",
            help="Attempts at events that Kafka will never take. A rise: their key waits for an operator.",
        ),
    )


class LoopMetrics:
    """Lets the metrics of `loop_specs` follow a service's loops."""

    def __init__(self, specs: LoopSpecs, metrics: Metrics, *, clock: Clock | None = None) -> None:
        self._specs = specs
        self._metrics = metrics
        self._clock = clock or SystemClock()

    def watch(self, consumer: str, progress: ConsumerProgress, watchdog: Watchdog) -> None:
        """Read a consumer and its watchdog whenever somebody asks."""
        specs, metrics = self._specs, self._metrics
        metrics.gauge(specs.waiting).labels(consumer).set_function(lambda: progress.behind)
        metrics.read_counter(specs.handled).read(lambda: progress.records, consumer)
        metrics.gauge(specs.failures).labels(consumer).set_function(lambda: progress.attempt)
        metrics.read_counter(specs.retries).read(lambda: progress.transients, consumer)
        metrics.read_counter(specs.rebalances).read(lambda: progress.rebalances, consumer)
        metrics.read_counter(specs.lost_commits).read(lambda: progress.commits_lost, consumer)
        metrics.gauge(specs.standstill).labels(consumer).set_function(lambda: watchdog.standstill_s)

    def aged(self, consumer: str, handle: Handler) -> Handler:
        """Return the handler, which then notes how old the oldest record of each group was in the end."""
        age = self._metrics.histogram(self._specs.age).labels(consumer)

        async def handle_and_note(records: Sequence[IncomingRecord]) -> None:
            await handle(records)
            # one that the client could not take apart has no time
            sent_ms = min((record.timestamp_ms for record in records if record.timestamp_ms >= 0), default=None)
            if sent_ms is not None:
                age.observe(max(0.0, self._clock.now().timestamp() - sent_ms / 1000))

        return handle_and_note

    def relay(self, relay: OutboxRelay) -> None:
        """Read the outbox's relay whenever somebody asks."""
        self._metrics.read_counter(self._specs.published).read(lambda: relay.published)
        self._metrics.read_counter(self._specs.refused).read(lambda: relay.refused)
