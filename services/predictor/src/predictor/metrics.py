"""The predictor's metrics, and how they follow from what it does."""

from collections.abc import Iterable
from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry
from readmit_contracts.events import Decision, PredictionRecord
from readmit_contracts.reasons import Reason
from readmit_runtime.metric_collectors import Distribution
from readmit_runtime.metrics import CounterSpec, GaugeSpec, HistogramSpec, Metrics, MetricSpec

_ANSWER_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_INFERENCE_BUCKETS_S = (0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02)
_PROBABILITY_BUCKETS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)
_LOAD_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 120.0)
_JUDGED = ("2xx", "5xx")  # by the objectives; each more is another sixteen lines in every scrape
_LOAD_FAILURES = (
    Reason.FEATURE_VERSION,
    Reason.BUNDLE_MISSING,
    Reason.OBJECT_STORE,
    Reason.TRIAL_UNFINISHED,
    Reason.BUNDLE_SHA256,
    Reason.BUNDLE_INVALID,
    Reason.GOLDEN_MISMATCH,
)

ANSWER_TIME = HistogramSpec(
    name="readmit_predictor_answer_duration_seconds",
    unit="seconds",
    help="From a request's headers to the end of its answer, the caller's own slowness with the body included, by path "
    "and class of status: 2xx, 4xx, 5xx, or none when the caller left. Its count is the requests; a 5xx is our fault.",
    labels=("path", "status"),
    buckets=_ANSWER_BUCKETS_S,
)
INFERENCE_TIME = HistogramSpec(
    name="readmit_predictor_inference_duration_seconds",
    unit="seconds",
    help="Encoding, scoring and calibrating one encounter. A step comes with another model.",
    buckets=_INFERENCE_BUCKETS_S,
)
SCORES = HistogramSpec(
    name="readmit_predictor_given_probability",
    unit="probability",
    help="Probabilities that the model gave, single and in batches, by decision. The distribution moves with another "
    "model or with other patients; the share of high_risk is the work that it makes.",
    labels=("decision",),
    buckets=_PROBABILITY_BUCKETS,
)
SERVED_EPOCH = GaugeSpec(
    name="readmit_predictor_served_epoch", unit="epoch", help="The epoch that answers; 0 before the first model."
)
WANTED_EPOCH = GaugeSpec(
    name="readmit_predictor_wanted_epoch",
    unit="epoch",
    help="The newest promotion taken up. Above the served one for long, loads fail or the object store is away.",
)
UNCONFIRMED = GaugeSpec(
    name="readmit_predictor_unconfirmed_models",
    unit="models",
    help="1 while the model that answers comes from the cache and no promotion read since names it, else 0.",
)
PROMOTIONS = CounterSpec(
    name="readmit_predictor_read_promotions_total",
    unit="promotions",
    help="Promotions read, by verdict. Unreadable ones and conflicts are faults of their writer.",
    labels=("verdict",),
    from_start=("taken", "not_newer", "conflict", "other_lineage", "other_name", "unreadable"),
)
LOADS = CounterSpec(name="readmit_predictor_finished_loads_total", unit="loads", help="Models that came into service.")
FAILED_LOADS = CounterSpec(
    name="readmit_predictor_failed_loads_total",
    unit="loads",
    help="Attempts that ended without a model, by reason; the model before keeps answering.",
    labels=("reason",),
    from_start=_LOAD_FAILURES,
)
LOAD_TIME = HistogramSpec(
    name="readmit_predictor_load_duration_seconds",
    unit="seconds",
    help="From reading a promotion to the swap.",
    buckets=_LOAD_BUCKETS_S,
)
DISCARDED = CounterSpec(
    name="readmit_predictor_discarded_models_total",
    unit="models",
    help="Models of the cache that were damaged or refused at the start, and thrown away, by reason.",
    labels=("reason",),
)
SPOOLED = GaugeSpec(
    name="readmit_predictor_spooled_bytes",
    unit="bytes",
    help="Answered predictions in the spool that Kafka has not confirmed yet, other replicas' included.",
)
SPOOL_LIMIT = GaugeSpec(
    name="readmit_predictor_spool_limit_bytes",
    unit="bytes",
    help="The most that may be in the spool; at this many, records are lost or requests refused.",
)
SHIPPED = CounterSpec(
    name="readmit_predictor_shipped_records_total",
    unit="records",
    help="Answered predictions that Kafka confirmed.",
)
UNLOGGED = CounterSpec(
    name="readmit_predictor_unlogged_records_total",
    unit="records",
    help="Predictions that the log lacks, by reason: full (spool limit), disk (its error), undeliverable (to Kafka).",
    labels=("reason",),
    from_start=("full", "disk", "undeliverable"),
)
ADOPTED = CounterSpec(
    name="readmit_predictor_adopted_segments_total",
    unit="segments",
    help="Segments of dead processes that were shipped here. A steady rise means that replicas die.",
)
TORN = CounterSpec(
    name="readmit_predictor_torn_segments_total",
    unit="segments",
    help="Segments with a torn end, which was cut off: the last record of a process that was killed in its write.",
)
FAILED_DELIVERIES = CounterSpec(
    name="readmit_predictor_failed_deliveries_total",
    unit="deliveries",
    help="Messages that Kafka did not confirm, by what they are; reports are not repeated, the rest is.",
    labels=("kind",),
    from_start=("announcement", "report", "predictions"),
)

TABLE: tuple[MetricSpec, ...] = (
    ANSWER_TIME,
    INFERENCE_TIME,
    SCORES,
    SERVED_EPOCH,
    WANTED_EPOCH,
    UNCONFIRMED,
    PROMOTIONS,
    LOADS,
    FAILED_LOADS,
    LOAD_TIME,
    DISCARDED,
    SPOOLED,
    SPOOL_LIMIT,
    SHIPPED,
    UNLOGGED,
    ADOPTED,
    TORN,
    FAILED_DELIVERIES,
)


class PredictorMetrics:
    """Counts requests, promotions, loads and shipped predictions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        metrics = Metrics("predictor", TABLE, registry=registry)
        self._answer_time = metrics.histogram(ANSWER_TIME)
        self._by_answer: dict[tuple[str, int | None], Distribution] = {}
        self._inference_time = metrics.histogram(INFERENCE_TIME).labels()
        scores = metrics.histogram(SCORES)
        self._scores = {decision: scores.labels(decision) for decision in get_args(Decision)}
        self._served_epoch = metrics.gauge(SERVED_EPOCH)
        self._wanted_epoch = metrics.gauge(WANTED_EPOCH)
        self._unconfirmed = metrics.gauge(UNCONFIRMED)
        self._promotions = metrics.counter(PROMOTIONS)
        self._loads = metrics.counter(LOADS)
        self._failed_loads = metrics.counter(FAILED_LOADS)
        self._load_time = metrics.histogram(LOAD_TIME).labels()
        self._discarded = metrics.counter(DISCARDED)
        self._spooled = metrics.gauge(SPOOLED)
        self._spool_limit = metrics.gauge(SPOOL_LIMIT)
        self._shipped = metrics.counter(SHIPPED)
        self._unlogged = metrics.counter(UNLOGGED)
        self._adopted = metrics.counter(ADOPTED)
        self._torn = metrics.counter(TORN)
        self._failed_deliveries = metrics.counter(FAILED_DELIVERIES)

    def expect(self, paths: Iterable[str]) -> None:
        """Tell good and failed answers of these paths from the start: `rate` does not see what a series begins with."""
        for path, status in product(paths, _JUDGED):
            self._answer_time.labels(path, status)

    def answered(self, path: str, status: int | None, seconds: float) -> None:
        """Count one request; `path` is a known one or `other`, `status` None when no answer went out."""
        found = self._by_answer.get((path, status))
        if found is None:  # looking a series up by its labels takes longer than counting
            status_class = "none" if status is None else f"{status // 100}xx"
            found = self._by_answer[path, status] = self._answer_time.labels(path, status_class)
        found.observe(seconds)

    def inferred(self, seconds: float) -> None:
        """Note how long one encounter took from its fields to its probability."""
        self._inference_time.observe(seconds)

    def scored(self, record: PredictionRecord) -> None:
        """Count one probability that the model gave."""
        self._scores[record.decision].observe(record.probability)

    def promotion_read(self, verdict: str) -> None:
        """Count one message of the promotions topic."""
        self._promotions.labels(verdict).inc()

    def wants(self, epoch: int) -> None:
        """Note the promotion that is to be loaded."""
        self._wanted_epoch.set(epoch)

    def loaded(self, epoch: int, seconds: float) -> None:
        """Note that a promoted model came into service."""
        self._served_epoch.set(epoch)
        self._unconfirmed.set(0)
        self._loads.inc()
        self._load_time.observe(seconds)

    def restored(self, epoch: int) -> None:
        """Note that a model of the cache came into service."""
        self._served_epoch.set(epoch)
        self._unconfirmed.set(1)

    def discarded(self, reason: str) -> None:
        """Count one model that was thrown out of the cache."""
        self._discarded.labels(reason).inc()

    def load_failed(self, reason: str) -> None:
        """Count one attempt that ended without a model."""
        self._failed_loads.labels(reason).inc()

    def spooled(self, size: int) -> None:
        """Note how many bytes wait for Kafka."""
        self._spooled.set(size)

    def spool_holds(self, most: int) -> None:
        """Note how many bytes the spool may have."""
        self._spool_limit.set(most)

    def shipped(self, records: int) -> None:
        """Count predictions that Kafka confirmed."""
        self._shipped.inc(records)

    def unlogged(self, reason: str, records: int) -> None:
        """Count predictions that the log will not have."""
        self._unlogged.labels(reason).inc(records)

    def adopted(self) -> None:
        """Count one segment of a dead process that was shipped."""
        self._adopted.inc()

    def torn(self) -> None:
        """Count one segment that ended in the middle of a record."""
        self._torn.inc()

    def delivery_failed(self, kind: str) -> None:
        """Count one message that Kafka did not confirm."""
        self._failed_deliveries.labels(kind).inc()
