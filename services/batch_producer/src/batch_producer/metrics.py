"""The batch producer's metrics, and what each of its parts counts."""

from prometheus_client import CollectorRegistry
from readmit_contracts.source import Split
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.metrics import CounterSpec, GaugeSpec, Metrics, MetricSpec
from readmit_runtime.outbox_relay import OutboxRelay

CHUNKS = CounterSpec(
    name="readmit_batch_producer_sent_chunks_total",
    unit="chunks",
    help="Chunks that Kafka confirmed, by split. More than the dataset has: they were sent again after a failure.",
    labels=("split",),
)
ROWS = CounterSpec(
    name="readmit_batch_producer_sent_rows_total",
    unit="rows",
    help="Rows of the chunks that Kafka confirmed, by split.",
    labels=("split",),
)
CLAIMS = CounterSpec(
    name="readmit_batch_producer_claimed_runs_total",
    unit="runs",
    help="Runs that this process began or took over to stream; many for one run mean that its workers die.",
)
STREAMS = CounterSpec(
    name="readmit_batch_producer_streamed_runs_total",
    unit="runs",
    help="Claimed runs by how they left: sent, failed, lost (cancelled or taken over), given_back (stop), put_off.",
    labels=("end",),
)
COMMANDS_BEHIND = GaugeSpec(
    name="readmit_batch_producer_waiting_commands",
    unit="commands",
    help="Commands known to wait; it stands above 0 when Postgres is away or a reset waits for the tables.",
)
COMMAND_RETRIES = GaugeSpec(
    name="readmit_batch_producer_command_failures",
    unit="failures",
    help="Failures in a row of the command in hand; above 0, a dependency is away.",
)
EVENTS = GaugeSpec(
    name="readmit_batch_producer_published_events",
    unit="events",
    help="Events and dead letters that this process's relay published since its start.",
)
EVENTS_REFUSED = GaugeSpec(
    name="readmit_batch_producer_refused_events",
    unit="events",
    help="Attempts at events that Kafka will never take; above 0, their key waits for an operator.",
)

TABLE: tuple[MetricSpec, ...] = (
    CHUNKS,
    ROWS,
    CLAIMS,
    STREAMS,
    COMMANDS_BEHIND,
    COMMAND_RETRIES,
    EVENTS,
    EVENTS_REFUSED,
)


class BatchProducerMetrics:
    """Counts what was streamed, and shows what the loops wait for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = Metrics("batch_producer", TABLE, registry=registry)

    def chunks_sent(self, split: Split, *, chunks: int, rows: int) -> None:
        """Count chunks after their confirmation."""
        self._metrics.counter(CHUNKS).labels(split).inc(chunks)
        self._metrics.counter(ROWS).labels(split).inc(rows)

    def run_claimed(self) -> None:
        """Count a run that was taken."""
        self._metrics.counter(CLAIMS).inc()

    def run_left(self, end: str) -> None:
        """Count how a claimed run left this process."""
        self._metrics.counter(STREAMS).labels(end).inc()

    def watch(self, progress: ConsumerProgress, relay: OutboxRelay) -> None:
        """Let the gauges read the loops whenever they are asked for."""
        self._metrics.gauge(COMMANDS_BEHIND).set_function(lambda: progress.behind)
        self._metrics.gauge(COMMAND_RETRIES).set_function(lambda: progress.attempt)
        self._metrics.gauge(EVENTS).set_function(lambda: relay.published)
        self._metrics.gauge(EVENTS_REFUSED).set_function(lambda: relay.refused)
