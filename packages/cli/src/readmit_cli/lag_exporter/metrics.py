"""The lag exporter's metrics: the figures of the last look, under the names that such exporters usually give them."""

from prometheus_client import CollectorRegistry
from readmit_runtime.group_lag import GroupLag, LagReport
from readmit_runtime.metrics import CounterSpec, GaugeSpec, Metrics, MetricSpec

SERVICE = "lag_exporter"
USUAL = "kafka_exporter"
_PLACE = ("topic", "partition")
_GROUP = ("consumergroup", *_PLACE)

PARTITIONS = GaugeSpec(
    name="kafka_topic_partitions",
    unit="partitions",
    help="Partitions of the topic.",
    labels=("topic",),
    origin=USUAL,
)
END = GaugeSpec(
    name="kafka_topic_partition_current_offset",
    unit="offset",
    help="The offset that the partition's next record gets; its rate is what is written.",
    labels=_PLACE,
    origin=USUAL,
)
FIRST = GaugeSpec(
    name="kafka_topic_partition_oldest_offset",
    unit="offset",
    help="The first offset still kept in the partition.",
    labels=_PLACE,
    origin=USUAL,
)
COMMITTED = GaugeSpec(
    name="kafka_consumergroup_current_offset",
    unit="offset",
    help="The offset that the group has committed; -1 before its first commit in the partition.",
    labels=_GROUP,
    origin=USUAL,
)
LAG = GaugeSpec(
    name="kafka_consumergroup_lag",
    unit="records",
    help="Offsets still kept that the group has not committed. A partition without a commit waits whole.",
    labels=_GROUP,
    origin=USUAL,
)
LAG_SUM = GaugeSpec(
    name="kafka_consumergroup_lag_sum",
    unit="records",
    help="The same over all partitions of the topic.",
    labels=("consumergroup", "topic"),
    origin=USUAL,
)
MEMBERS = GaugeSpec(
    name="kafka_consumergroup_members",
    unit="members",
    help="Members of the group. 0 while there is lag: nobody reads.",
    labels=("consumergroup",),
    origin=USUAL,
)
AGE = GaugeSpec(
    name="readmit_lag_exporter_oldest_waiting_age_seconds",
    unit="seconds",
    help="Age of the oldest record that the group has not committed, by its timestamp; 0 when none waits. "
    "A partition that can't be read has no age.",
    labels=_GROUP,
)
LOOKED_AT = GaugeSpec(
    name="readmit_lag_exporter_last_look_timestamp_seconds",
    unit="seconds",
    help="When the figures were read, in seconds since 1970. More than a minute ago: Kafka can't be read.",
)
LOOK = GaugeSpec(
    name="readmit_lag_exporter_look_duration_seconds",
    unit="seconds",
    help="How long the last look took. Near the interval: raise that.",
)
FAILED = CounterSpec(
    name="readmit_lag_exporter_failed_looks_total",
    unit="looks",
    help="Looks that failed, for Kafka was away or refused them; the log says which.",
)

FIGURES: tuple[GaugeSpec, ...] = (PARTITIONS, END, FIRST, COMMITTED, LAG, LAG_SUM, MEMBERS, AGE)
TABLE: tuple[MetricSpec, ...] = (*FIGURES, LOOKED_AT, LOOK, FAILED)


class LagMetrics:
    """Holds the last look, so that a scrape asks nobody."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = Metrics(SERVICE, TABLE, registry=registry)

    def observe(self, report: LagReport, *, at: float, duration_s: float) -> None:
        """Replace the figures by those of a look at `at`, in seconds since 1970; what is gone has none any more."""
        self.withdraw()
        for bounds in report.offsets:
            topic, number = bounds.partition.topic, bounds.partition.number
            self._metrics.gauge(PARTITIONS).labels(topic).inc()
            self._metrics.gauge(END).labels(topic, number).set(bounds.end)
            self._metrics.gauge(FIRST).labels(topic, number).set(bounds.first)
        for group in report.groups:
            self._observe_group(group)
        self._metrics.gauge(LOOKED_AT).set(at)
        self._metrics.gauge(LOOK).set(duration_s)

    def _observe_group(self, group: GroupLag) -> None:
        self._metrics.gauge(MEMBERS).labels(group.group).set(group.members)
        for lag in group.partitions:
            place = (group.group, lag.partition.topic, lag.partition.number)
            self._metrics.gauge(COMMITTED).labels(*place).set(-1 if lag.committed is None else lag.committed)
            self._metrics.gauge(LAG).labels(*place).set(lag.waiting)
            self._metrics.gauge(LAG_SUM).labels(*place[:2]).inc(lag.waiting)
            if lag.age_s is not None:
                self._metrics.gauge(AGE).labels(*place).set(lag.age_s)

    def failed(self) -> None:
        """Count a look that failed."""
        self._metrics.counter(FAILED).inc()

    def withdraw(self) -> None:
        """Tell no figures: a stale one would be taken for the truth."""
        for spec in FIGURES:
            self._metrics.gauge(spec).clear()
