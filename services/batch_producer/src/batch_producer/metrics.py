"""The batch producer's metrics, and what each of its parts counts."""

from prometheus_client import CollectorRegistry
from readmit_contracts.source import SPLITS, Split
from readmit_runtime.loop_metrics import LoopMetrics, loop_specs
from readmit_runtime.metrics import CounterSpec, Metrics, MetricSpec

_LOOPS = loop_specs("batch_producer")

CHUNKS = CounterSpec(
    name="readmit_batch_producer_sent_chunks_total",
    unit="chunks",
    help="Chunks that Kafka confirmed, by split. More than the dataset has: they were sent again after a failure.",
    labels=("split",),
    from_start=SPLITS,
)
ROWS = CounterSpec(
    name="readmit_batch_producer_sent_rows_total",
    unit="rows",
    help="Rows of the chunks that Kafka confirmed, by split.",
    labels=("split",),
    from_start=SPLITS,
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
    from_start=("sent", "failed", "lost", "given_back", "put_off"),
)
TABLE: tuple[MetricSpec, ...] = (
    CHUNKS,
    ROWS,
    CLAIMS,
    STREAMS,
    *_LOOPS.rows(),
)


class BatchProducerMetrics:
    """Counts what was streamed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = Metrics("batch_producer", TABLE, registry=registry)
        self.loops = LoopMetrics(_LOOPS, self._metrics)

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
