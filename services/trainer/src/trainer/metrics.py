"""The trainer's metrics, and how they follow from what jobs, wishes and the projection did."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry
from readmit_runtime.metrics import CounterSpec, GaugeSpec, HistogramSpec, Metrics, MetricSpec

JOBS = CounterSpec(
    name="readmit_trainer_left_jobs_total",
    unit="jobs",
    help="Attempts at jobs by end: done, failed, killed, lost, given_back, put_off. Failed ones need a look.",
    labels=("end",),
)
STAGES = HistogramSpec(
    name="readmit_trainer_job_stage_seconds",
    unit="seconds",
    help="What the stages of a job took: read, frame_stored, fitted, uploaded.",
    labels=("stage",),
    buckets=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
)
WISHES = CounterSpec(
    name="readmit_trainer_ended_wishes_total",
    unit="wishes",
    help="Wishes for a champion by what became of them: promoted, rolled_back, already, refused, failed, gone.",
    labels=("outcome",),
)
EPOCH = GaugeSpec(
    name="readmit_trainer_champion_epoch",
    unit="epoch",
    help="The champion's epoch as this process last saw or made it.",
)
PROJECTED = CounterSpec(
    name="readmit_trainer_mlflow_models_total",
    unit="models",
    help="Models written to MLflow by outcome: registered, failed. Failed ones are tried again.",
    labels=("outcome",),
)
ALIAS = CounterSpec(
    name="readmit_trainer_alias_moves_total",
    unit="moves",
    help="What was done about MLflow's champion alias: written, asked (a person moved it), put_back.",
    labels=("move",),
)
BEHIND = GaugeSpec(
    name="readmit_trainer_waiting_records",
    unit="records",
    help="Records known to wait in the partitions held. It should stay near 0.",
)
OUTBOX_AGE = GaugeSpec(
    name="readmit_trainer_outbox_age_seconds",
    unit="seconds",
    help="Age of the oldest event not yet published. Above a minute, the relay or Kafka is in trouble.",
)

TABLE: tuple[MetricSpec, ...] = (JOBS, STAGES, WISHES, EPOCH, PROJECTED, ALIAS, BEHIND, OUTBOX_AGE)


class TrainerMetrics:
    """Counts what became of jobs, wishes and models."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = Metrics("trainer", TABLE, registry=registry)

    def job_left(self, end: str, durations_s: Mapping[str, float]) -> None:
        """Count an attempt at a job."""
        self._metrics.counter(JOBS).labels(end).inc()
        for stage, seconds in durations_s.items():
            self._metrics.histogram(STAGES).labels(stage).observe(seconds)

    def wish_ended(self, outcome: str, epoch: int | None) -> None:
        """Count a wish; `epoch` is the champion's, where it is known."""
        self._metrics.counter(WISHES).labels(outcome).inc()
        if epoch is not None:
            self._metrics.gauge(EPOCH).set(epoch)

    def projected(self, outcome: str) -> None:
        """Count a model that was, or could not be, written to MLflow."""
        self._metrics.counter(PROJECTED).labels(outcome).inc()

    def alias_moved(self, move: str) -> None:
        """Count something done about the alias."""
        self._metrics.counter(ALIAS).labels(move).inc()

    def observe(self, *, behind: int, outbox_age_s: float) -> None:
        """Note what the loops wait for."""
        self._metrics.gauge(BEHIND).set(behind)
        self._metrics.gauge(OUTBOX_AGE).set(outbox_age_s)
