"""The ingestor's metrics, and how they follow from what groups and batches did."""

from prometheus_client import CollectorRegistry
from readmit_runtime.metrics import CounterSpec, GaugeSpec, Metrics, MetricSpec

from ingestor.chunks.outcome import GroupOutcome
from ingestor.cleaning.store import CleanedBatch
from ingestor.predictions.store import StoredPredictions

ROWS = CounterSpec(
    name="readmit_ingestor_chunk_rows_total",
    unit="rows",
    help="Rows of chunks by outcome: stored, duplicate, quarantined. Their sum is what was published.",
    labels=("outcome",),
)
QUARANTINED = CounterSpec(
    name="readmit_ingestor_quarantined_rows_total",
    unit="rows",
    help="Rows set aside, by the rule they break. A step means a change in the source.",
    labels=("reason",),
)
CHUNKS = CounterSpec(
    name="readmit_ingestor_received_chunks_total",
    unit="chunks",
    help="Chunks by outcome: stored, repeated (no effect), outdated (of an older generation), parked (dead letter).",
    labels=("outcome",),
)
BATCHES = CounterSpec(
    name="readmit_ingestor_ended_batches_total",
    unit="batches",
    help="Batches by the state they reached: stored, clean, failed. A failed one needs an operator.",
    labels=("state",),
)
RUNS = CounterSpec(
    name="readmit_ingestor_completed_runs_total", unit="runs", help="Runs whose every batch became clean here."
)
PREDICTIONS = CounterSpec(
    name="readmit_ingestor_stored_predictions_total",
    unit="predictions",
    help="Answered predictions written to Postgres.",
)
EXPIRED = CounterSpec(
    name="readmit_ingestor_expired_predictions_total",
    unit="predictions",
    help="Predictions that came later than they may be kept and were not stored: a spool that was away for long.",
)
FORGOTTEN = CounterSpec(
    name="readmit_ingestor_deleted_prediction_rows_total",
    unit="rows",
    help="Rows deleted because their time was over, by table: inputs, predictions, chunks.",
    labels=("table",),
)
BEHIND = GaugeSpec(
    name="readmit_ingestor_waiting_records",
    unit="records",
    help="Records known to wait in the partitions held. It should fall to 0 within a run.",
)
OUTBOX_AGE = GaugeSpec(
    name="readmit_ingestor_outbox_age_seconds",
    unit="seconds",
    help="Age of the oldest event not yet published. Above a minute, the relay or Kafka is in trouble.",
)

TABLE: tuple[MetricSpec, ...] = (
    ROWS,
    QUARANTINED,
    CHUNKS,
    BATCHES,
    RUNS,
    PREDICTIONS,
    EXPIRED,
    FORGOTTEN,
    BEHIND,
    OUTBOX_AGE,
)


class IngestorMetrics:
    """Counts what became of rows, chunks, batches and runs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = Metrics("ingestor", TABLE, registry=registry)

    def group_stored(self, outcome: GroupOutcome) -> None:
        """Count a group after its commit."""
        for kind in ("stored", "duplicate", "quarantined"):
            self._metrics.counter(ROWS).labels(kind).inc(outcome.rows(kind))
        for reason, rows in outcome.quarantined.items():
            self._metrics.counter(QUARANTINED).labels(reason).inc(rows)
        chunks = self._metrics.counter(CHUNKS)
        chunks.labels("stored").inc(outcome.chunks_stored)
        chunks.labels("repeated").inc(outcome.chunks_repeated)
        chunks.labels("outdated").inc(outcome.chunks_outdated)
        chunks.labels("parked").inc(len(outcome.parked))
        self._metrics.counter(BATCHES).labels("stored").inc(outcome.batches_stored)
        self._metrics.counter(BATCHES).labels("failed").inc(outcome.batches_failed)

    def batch_cleaned(self, cleaned: CleanedBatch) -> None:
        """Count a batch after its cleaning committed."""
        self._metrics.counter(BATCHES).labels("failed" if cleaned.failed else "clean").inc()
        self._metrics.counter(RUNS).inc(cleaned.runs_completed)

    def predictions_stored(self, stored: StoredPredictions) -> None:
        """Count a group of predictions after its commit."""
        self._metrics.counter(PREDICTIONS).inc(stored.predictions)
        self._metrics.counter(EXPIRED).inc(stored.expired)

    def predictions_deleted(self, table: str, rows: int) -> None:
        """Count rows whose time was over."""
        self._metrics.counter(FORGOTTEN).labels(table).inc(rows)

    def observe(self, *, behind: int, outbox_age_s: float) -> None:
        """Note what the loops wait for."""
        self._metrics.gauge(BEHIND).set(behind)
        self._metrics.gauge(OUTBOX_AGE).set(outbox_age_s)
