"""The ingestor's metrics, and how they follow from what groups and batches did."""

from prometheus_client import CollectorRegistry
from readmit_contracts.reasons import Reason
from readmit_contracts.states import BatchState, RunState
from readmit_runtime.loop_metrics import LoopMetrics, loop_specs
from readmit_runtime.metrics import CounterSpec, GaugeSpec, HistogramSpec, Metrics, MetricSpec

from ingestor.chunks.outcome import GroupOutcome
from ingestor.cleaning.store import CleanedBatch
from ingestor.predictions.retention_store import TABLES
from ingestor.predictions.store import StoredPredictions
from ingestor.progress_store import StoreProgress

_LOOPS = loop_specs("ingestor")
_ROW_REASONS = (
    Reason.MISSING_COLUMN,
    Reason.EXTRA_COLUMN,
    Reason.ENCODING,
    Reason.NOT_AN_INTEGER,
    Reason.OUT_OF_RANGE,
    Reason.NOT_ALLOWED,
    Reason.PATTERN_MISMATCH,
    Reason.ENCOUNTER_CONFLICT,
    Reason.OTHER_SPLIT,
)

ROWS = CounterSpec(
    name="readmit_ingestor_chunk_rows_total",
    unit="rows",
    help="Rows of chunks by outcome: stored, duplicate, quarantined. Their sum is what was published.",
    labels=("outcome",),
    from_start=("stored", "duplicate", "quarantined"),
)
QUARANTINED = CounterSpec(
    name="readmit_ingestor_quarantined_rows_total",
    unit="rows",
    help="Rows set aside, by the rule they break. A step means a change in the source.",
    labels=("reason",),
    from_start=_ROW_REASONS,
)
CHUNKS = CounterSpec(
    name="readmit_ingestor_received_chunks_total",
    unit="chunks",
    help="Chunks by outcome: stored, repeated (no effect), outdated (of an older generation), parked (dead letter).",
    labels=("outcome",),
    from_start=("stored", "repeated", "outdated", "parked"),
)
BATCHES = CounterSpec(
    name="readmit_ingestor_ended_batches_total",
    unit="batches",
    help="Batches by the state they reached: stored, clean, failed. A failed one needs an operator.",
    labels=("state",),
    from_start=(BatchState.STORED, BatchState.CLEAN, BatchState.FAILED),
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
    from_start=TABLES,
)
TRANSACTION_TIME = HistogramSpec(
    name="readmit_ingestor_transaction_duration_seconds",
    unit="seconds",
    help="One committed transaction, by work: chunks (a group, up to 20,000 rows), predictions, cleaning (a batch).",
    labels=("work",),
    from_start=("chunks", "predictions", "cleaning"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
KNOWN_BATCHES = GaugeSpec(
    name="readmit_ingestor_known_batches",
    unit="batches",
    help="Batches of the store's generation by state: planned, stored, clean, failed. Every ingestor says the same.",
    labels=("state",),
)
BATCH_ROWS = GaugeSpec(
    name="readmit_ingestor_batch_rows",
    unit="rows",
    help="Rows of those batches by count: planned, and published, which is the sum of stored, duplicate, quarantined "
    "and discarded. Published over planned is the progress. Every ingestor says the same.",
    labels=("count",),
)
KNOWN_RUNS = GaugeSpec(
    name="readmit_ingestor_known_runs",
    unit="runs",
    help="Runs by state: planned, streaming, completed, cancelled, failed. Every ingestor says the same.",
    labels=("state",),
)
OUTBOX_AGE = GaugeSpec(
    name="readmit_ingestor_outbox_age_seconds",
    unit="seconds",
    help="Age of the oldest event not yet published. Above a minute, the relay or Kafka is in trouble.",
)

TABLES_SEEN = GaugeSpec(
    name="readmit_ingestor_tables_seen_timestamp_seconds",
    unit="seconds",
    help="When what the tables say was read, in seconds since 1970; 0 before the first time. More than a minute ago: "
    "Postgres can't be read, and the figures of tables are old.",
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
    TRANSACTION_TIME,
    KNOWN_BATCHES,
    BATCH_ROWS,
    KNOWN_RUNS,
    OUTBOX_AGE,
    TABLES_SEEN,
    *_LOOPS.rows(),
)


class IngestorMetrics:
    """Counts what became of rows, chunks, batches and runs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = Metrics("ingestor", TABLE, registry=registry)
        self.loops = LoopMetrics(_LOOPS, self._metrics)

    def group_stored(self, outcome: GroupOutcome, seconds: float) -> None:
        """Count a group after its commit, and what its transaction took."""
        self._metrics.histogram(TRANSACTION_TIME).labels("chunks").observe(seconds)
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

    def batch_cleaned(self, cleaned: CleanedBatch, seconds: float) -> None:
        """Count a batch after its cleaning committed, and what that took."""
        self._metrics.histogram(TRANSACTION_TIME).labels("cleaning").observe(seconds)
        self._metrics.counter(BATCHES).labels("failed" if cleaned.failed else "clean").inc()
        self._metrics.counter(QUARANTINED).labels(Reason.OTHER_SPLIT).inc(cleaned.moved)
        self._metrics.counter(RUNS).inc(cleaned.runs_completed)

    def predictions_stored(self, stored: StoredPredictions, seconds: float) -> None:
        """Count a group of predictions after its commit, and what its transaction took."""
        self._metrics.histogram(TRANSACTION_TIME).labels("predictions").observe(seconds)
        self._metrics.counter(PREDICTIONS).inc(stored.predictions)
        self._metrics.counter(EXPIRED).inc(stored.expired)

    def predictions_deleted(self, table: str, rows: int) -> None:
        """Count rows whose time was over."""
        self._metrics.counter(FORGOTTEN).labels(table).inc(rows)

    def store_seen(self, progress: StoreProgress) -> None:
        """Note what the tables say."""
        for batch_state in BatchState:
            self._metrics.gauge(KNOWN_BATCHES).labels(batch_state).set(progress.batches.get(batch_state, 0))
        for count, rows in progress.rows.items():
            self._metrics.gauge(BATCH_ROWS).labels(count).set(rows)
        for run_state in RunState:
            self._metrics.gauge(KNOWN_RUNS).labels(run_state).set(progress.runs.get(run_state, 0))
        self._metrics.gauge(OUTBOX_AGE).set(progress.outbox_age_s)
        self._metrics.gauge(TABLES_SEEN).set_to_current_time()
