"""A service's metrics are declared in one table, and the table is checked as a whole."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from readmit_runtime.metrics import (
    CounterSpec,
    GaugeSpec,
    HistogramSpec,
    MetricInvalid,
    Metrics,
    MetricSpec,
    ReadCounterSpec,
    metrics_table,
)

STORED = CounterSpec(name="readmit_ingestor_stored_rows_total", unit="rows", help="Rows stored.", labels=("split",))
WAITING = GaugeSpec(name="readmit_ingestor_outbox_age_seconds", unit="seconds", help="Age of the oldest event.")
COPY = HistogramSpec(
    name="readmit_ingestor_copy_duration_seconds", unit="seconds", help="One COPY.", buckets=(0.01, 0.1, 1.0)
)


def test_each_row_of_the_table_becomes_a_metric_of_its_kind() -> None:
    """What the table says must be what Prometheus reads."""
    registry = CollectorRegistry()
    metrics = Metrics("ingestor", (STORED, WAITING, COPY), registry=registry)
    metrics.counter(STORED).labels(split="train").inc(3)
    metrics.gauge(WAITING).set(1.5)
    metrics.histogram(COPY).labels().observe(0.05)

    text = generate_latest(registry).decode()
    assert 'readmit_ingestor_stored_rows_total{split="train"} 3.0' in text
    assert "readmit_ingestor_outbox_age_seconds 1.5" in text
    assert 'readmit_ingestor_copy_duration_seconds_bucket{le="0.1"} 1.0' in text


def test_a_series_can_be_there_before_its_first_event() -> None:
    """Prometheus takes no increase from a series that begins with its first event: a single failure would not show."""
    registry = CollectorRegistry()
    Metrics("ingestor", (replace(STORED, from_start=("train", "test")),), registry=registry)
    assert registry.get_sample_value(STORED.name, {"split": "train"}) == 0
    assert registry.get_sample_value(STORED.name, {"split": "validation"}) is None


def test_a_read_counter_has_what_its_keeper_counted() -> None:
    """A loop that counts for itself must not be counted a second time, by hand and late."""
    spec = ReadCounterSpec(
        name="readmit_ingestor_handled_records_total", unit="records", help="Records.", labels=("consumer",)
    )
    registry = CollectorRegistry()
    counted = [3, 4]
    metrics = Metrics("ingestor", (spec,), registry=registry)
    metrics.read_counter(spec).read(lambda: counted[0], "chunks")
    metrics.read_counter(spec).read(lambda: counted[1], "commands")
    counted[0] = 5
    assert registry.get_sample_value(spec.name, {"consumer": "chunks"}) == 5
    assert registry.get_sample_value(spec.name, {"consumer": "commands"}) == 4
    assert "# TYPE readmit_ingestor_handled_records_total counter" in generate_latest(registry).decode()
    assert "| counter |" in metrics_table((spec,))


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        pytest.param(replace(STORED, name="readmit_trainer_stored_rows_total"), "begin with", id="another service"),
        pytest.param(replace(WAITING, from_start=("a",)), "one label", id="values without a label"),
        pytest.param(replace(STORED, name="readmit_ingestor_rows_total"), "no thing", id="no thing"),
        pytest.param(replace(STORED, name="readmit_ingestor_stored_rows"), "_total", id="counter without total"),
        pytest.param(replace(WAITING, name="readmit_ingestor_waiting_seconds_total"), "_total", id="gauge with total"),
        pytest.param(replace(STORED, unit="bytes"), "another unit", id="another unit"),
        pytest.param(replace(WAITING, unit=""), "no unit", id="no unit"),
        pytest.param(replace(STORED, name="readmit_ingestor_Stored_rows_total"), "lower-case", id="upper case"),
        pytest.param(replace(STORED, help=" "), "meaning", id="no meaning"),
        pytest.param(replace(STORED, labels=("split", "split")), "label twice", id="label twice"),
        pytest.param(replace(STORED, labels=("Split",)), "label that", id="label in upper case"),
        pytest.param(replace(COPY, buckets=(1.0, 0.1)), "rise", id="falling buckets"),
        pytest.param(replace(COPY, buckets=()), "rise", id="no buckets"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_by_name(spec: MetricSpec, rule: str) -> None:
    """Names are for ever: dashboards and alerts hold on to them."""
    with pytest.raises(MetricInvalid, match=rule) as caught:
        Metrics("ingestor", (spec,), registry=CollectorRegistry())
    assert spec.name in str(caught.value)


def test_a_name_may_be_another_programs_when_the_row_says_whose() -> None:
    """Dashboards for that program work then; every other rule holds all the same."""
    usual = GaugeSpec(name="kafka_consumergroup_lag", unit="records", help="What waits.", origin="kafka_exporter")
    registry = CollectorRegistry()
    Metrics("lag_exporter", (usual,), registry=registry).gauge(usual).set(3)
    assert "kafka_consumergroup_lag 3.0" in generate_latest(registry).decode()
    for broken in (replace(usual, origin=""), replace(usual, help=" "), replace(usual, name="kafka_Lag")):
        with pytest.raises(MetricInvalid):
            Metrics("lag_exporter", (broken,), registry=CollectorRegistry())


def test_a_name_that_is_there_twice_is_refused() -> None:
    """Two meanings under one name can't be told apart again."""
    with pytest.raises(MetricInvalid, match="twice"):
        Metrics("ingestor", (STORED, replace(STORED, help="Other rows.")), registry=CollectorRegistry())


def test_a_broken_table_registers_nothing() -> None:
    """Half a table would show up as a service whose counters never move."""
    registry = CollectorRegistry()
    with pytest.raises(MetricInvalid):
        Metrics("ingestor", (WAITING, replace(STORED, unit="")), registry=registry)
    assert generate_latest(registry) == b""


def test_a_metric_outside_the_table_can_not_be_used() -> None:
    """The table is complete, or it is worth nothing."""
    metrics = Metrics("ingestor", (STORED,), registry=CollectorRegistry())
    with pytest.raises(KeyError):
        metrics.gauge(WAITING)


def test_a_service_of_two_words_has_its_metrics_too() -> None:
    """The batch producer's name has an underscore, as units may."""
    spec = GaugeSpec(name="readmit_batch_producer_last_send_unix_seconds", unit="unix_seconds", help="Last send.")
    Metrics("batch_producer", (spec,), registry=CollectorRegistry()).gauge(spec).set(1)


def test_the_table_renders_for_the_documents() -> None:
    """Whoever reads a dashboard looks a metric up by its name."""
    lines = metrics_table((STORED, WAITING)).splitlines()
    assert lines[2] == "| `readmit_ingestor_stored_rows_total` | counter | `split` | rows | Rows stored. |"
    assert lines[3].startswith("| `readmit_ingestor_outbox_age_seconds` | gauge |  | seconds |")
