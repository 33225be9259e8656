"""The trainer's metrics, and how they follow from what jobs, wishes and the projection did."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry
from readmit_contracts.states import JobState
from readmit_runtime.loop_metrics import LoopMetrics, loop_specs
from readmit_runtime.metrics import CounterSpec, GaugeSpec, HistogramSpec, Metrics, MetricSpec

from trainer.gate import NOT_BETTER
from trainer.promotion.changes import Ended
from trainer.registry_store import RegistryState

_LOOPS = loop_specs("trainer")

JOBS = CounterSpec(
    name="readmit_trainer_left_jobs_total",
    unit="jobs",
    help="Attempts at jobs by end: done, failed, killed, lost, given_back, put_off. Failed ones need a look.",
    labels=("end",),
    from_start=("done", "failed", "killed", "lost", "given_back", "put_off"),
)
KNOWN_JOBS = GaugeSpec(
    name="readmit_trainer_known_jobs",
    unit="jobs",
    help="Jobs by state: waiting, running, done, failed, cancelled. Every trainer says the same.",
    labels=("state",),
)
STAGES = HistogramSpec(
    name="readmit_trainer_job_stage_seconds",
    unit="seconds",
    help="What the stages of a job took: read, frame_stored, fitted, uploaded.",
    labels=("stage",),
    from_start=("read", "frame_stored", "fitted", "uploaded"),
    buckets=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
)
WISHES = CounterSpec(
    name="readmit_trainer_ended_wishes_total",
    unit="wishes",
    help="Wishes for a champion by what became of them: promoted, rolled_back, already, refused, failed, gone.",
    labels=("outcome",),
    from_start=("promoted", "rolled_back", "already", "refused", "failed", "gone"),
)
VERDICTS = CounterSpec(
    name="readmit_trainer_gate_decisions_total",
    unit="decisions",
    help="Decisions of the gate on record, by result: passed, refused. A refusal is a normal outcome.",
    labels=("result",),
    from_start=("passed", "refused"),
)
REFUSALS = CounterSpec(
    name="readmit_trainer_gate_refusals_total",
    unit="refusals",
    help="What the refused models did not meet, by rule; a model may fail several.",
    labels=("rule",),
    from_start=(NOT_BETTER,),
)
MODEL_ROWS = GaugeSpec(
    name="readmit_trainer_model_rows",
    unit="rows",
    help="Rows of a model's training set, by split and role: champion or newest. Every trainer says the same.",
    labels=("model", "role", "split"),
)
AUROC = GaugeSpec(
    name="readmit_trainer_model_auroc",
    unit="auroc",
    help="Area under the ROC curve on a model's own validation rows, by role: champion or newest.",
    labels=("model", "role"),
)
EPOCH = GaugeSpec(
    name="readmit_trainer_champion_epoch",
    unit="epoch",
    help="The champion's epoch, from the table that decides. Every trainer says the same.",
    labels=("model",),
)
CHAMPION_AGE = GaugeSpec(
    name="readmit_trainer_champion_age_seconds",
    unit="seconds",
    help="Since the champion was promoted. Above the time between two trainings, nothing new gets through.",
    labels=("model",),
)
REPLICAS = GaugeSpec(
    name="readmit_trainer_living_replicas",
    unit="replicas",
    help="Predictors that reported within 15 s, by the epoch that they serve, none before their first model. "
    "An epoch's series goes with its last replica.",
    labels=("model", "epoch"),
)
UNCONVERGED = GaugeSpec(
    name="readmit_trainer_unconverged_replicas",
    unit="replicas",
    help="Living predictors that do not serve the champion or what came after it. Above 0 for long, loads fail.",
    labels=("model",),
)
PROJECTED = CounterSpec(
    name="readmit_trainer_mlflow_models_total",
    unit="models",
    help="Models written to MLflow by outcome: registered, failed. Failed ones are tried again.",
    labels=("outcome",),
    from_start=("registered", "failed"),
)
ALIAS = CounterSpec(
    name="readmit_trainer_alias_moves_total",
    unit="moves",
    help="What was done about MLflow's champion alias: written, asked (a person moved it), put_back.",
    labels=("move",),
    from_start=("written", "asked", "put_back"),
)
OUTBOX_AGE = GaugeSpec(
    name="readmit_trainer_outbox_age_seconds",
    unit="seconds",
    help="Age of the oldest event not yet published. Above a minute, the relay or Kafka is in trouble.",
)

TABLES_SEEN = GaugeSpec(
    name="readmit_trainer_tables_seen_timestamp_seconds",
    unit="seconds",
    help="When what the tables say was read, in seconds since 1970; 0 before the first time. More than a minute ago: "
    "Postgres can't be read, and the figures of tables are old.",
)

TABLE: tuple[MetricSpec, ...] = (
    JOBS,
    KNOWN_JOBS,
    STAGES,
    WISHES,
    VERDICTS,
    REFUSALS,
    MODEL_ROWS,
    AUROC,
    EPOCH,
    CHAMPION_AGE,
    REPLICAS,
    UNCONVERGED,
    PROJECTED,
    ALIAS,
    OUTBOX_AGE,
    TABLES_SEEN,
    *_LOOPS.rows(),
)
_RENEWED = (MODEL_ROWS, AUROC, EPOCH, CHAMPION_AGE, REPLICAS, UNCONVERGED)


class TrainerMetrics:
    """Counts what became of jobs, wishes and models."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = Metrics("trainer", TABLE, registry=registry)
        self.loops = LoopMetrics(_LOOPS, self._metrics)

    def job_left(self, end: str, durations_s: Mapping[str, float]) -> None:
        """Count an attempt at a job."""
        self._metrics.counter(JOBS).labels(end).inc()
        for stage, seconds in durations_s.items():
            self._metrics.histogram(STAGES).labels(stage).observe(seconds)

    def wish_ended(self, ended: Ended) -> None:
        """Count a wish, and the gate's decision where one was made."""
        self._metrics.counter(WISHES).labels(ended.outcome).inc()
        if ended.refusals is not None:
            self._metrics.counter(VERDICTS).labels("refused" if ended.refusals else "passed").inc()
            for rule in ended.refusals:
                self._metrics.counter(REFUSALS).labels(rule).inc()

    def projected(self, outcome: str) -> None:
        """Count a model that was, or could not be, written to MLflow."""
        self._metrics.counter(PROJECTED).labels(outcome).inc()

    def alias_moved(self, move: str) -> None:
        """Count something done about the alias."""
        self._metrics.counter(ALIAS).labels(move).inc()

    def registry_seen(self, registry: RegistryState) -> None:
        """Note what the tables say; what they no longer say is no longer told."""
        gauge = self._metrics.gauge
        for state in JobState:
            gauge(KNOWN_JOBS).labels(state).set(registry.jobs.get(state, 0))
        for spec in _RENEWED:
            gauge(spec).clear()
        for told in registry.models:
            for split, rows in told.rows.items():
                gauge(MODEL_ROWS).labels(told.model, told.role, split).set(rows)
            if told.auroc is not None:
                gauge(AUROC).labels(told.model, told.role).set(told.auroc)
        for champion in registry.champions:
            gauge(EPOCH).labels(champion.model).set(champion.epoch)
            gauge(CHAMPION_AGE).labels(champion.model).set(champion.age_s)
            gauge(UNCONVERGED).labels(champion.model).set(champion.unconverged)
            for epoch, replicas in champion.replicas.items():
                gauge(REPLICAS).labels(champion.model, epoch).set(replicas)
        gauge(OUTBOX_AGE).set(registry.outbox_age_s)
        gauge(TABLES_SEEN).set_to_current_time()
