"""One catalogue has every metric of every service, and a service exposes what stands there and nothing else."""

import importlib

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from readmit_cli.lag_exporter import metrics as lag_metrics
from readmit_runtime.loop_metrics import loop_specs
from readmit_runtime.markdown_table import markdown_table
from readmit_runtime.metrics import PROCESS, MetricSpec
from support.generated_text import ROOT, GeneratedText
from support.scraped import EMITTERS, declared, exposed, table_of, told_of

CATALOGUE = ROOT / "observability" / "README.md"


@pytest.mark.parametrize("service", EMITTERS)
def test_a_service_exposes_what_it_declares_and_nothing_else(service: str) -> None:
    """What nobody declared has no meaning, and what is declared and missing breaks a dashboard in silence."""
    assert exposed(generate_latest(_registry(service)).decode()) == declared(service)


@pytest.mark.parametrize("service", EMITTERS)
def test_a_service_exposes_the_same_in_openmetrics(service: str) -> None:
    """Prometheus asks for that format, and refuses a whole scrape for one line that breaks it."""
    text = openmetrics.generate_latest(_registry(service)).decode()
    families = text_string_to_metric_families(text)
    kinds = {(spec.name.removesuffix("_total"), spec.kind) for spec in (*table_of(service), *PROCESS)}
    assert {(family.name, family.type) for family in families} == kinds


def test_the_catalogue_has_every_metric_of_every_service(generated: GeneratedText) -> None:
    """Who reads a dashboard looks a metric up by its name, and who writes one looks for what there is."""
    header = ("Metric", "Kind", "Unit", "Labels", "Meaning", "Emitter")
    rows = [_row(spec, service.replace("_", " ")) for service in EMITTERS for spec in table_of(service)]
    table = markdown_table(header, [*rows, *(_row(spec, "every service") for spec in PROCESS)])
    generated.part(CATALOGUE, "metrics", table)


def test_the_lag_exporter_exposes_what_it_declares_and_nothing_else() -> None:
    """It is no service, and people's own dashboards ask for its names."""
    registry = CollectorRegistry()
    lag_metrics.LagMetrics(registry)
    assert exposed(generate_latest(registry).decode()) == told_of(lag_metrics.TABLE)


@pytest.mark.parametrize("service", ["batch_producer", "ingestor", "trainer"])
def test_every_service_that_consumes_tells_the_same_of_its_consumers(service: str) -> None:
    """One panel and one alert for all consumers need one set of names."""
    assert set(loop_specs(service).rows()) <= set(table_of(service))


def _registry(service: str) -> CollectorRegistry:
    name = "".join(word.title() for word in service.split("_"))
    registry = CollectorRegistry()
    getattr(importlib.import_module(f"{service}.metrics"), f"{name}Metrics")(registry)
    return registry


def _row(spec: MetricSpec, emitter: str) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in spec.labels)
    return (f"`{spec.name}`", spec.kind, spec.unit, labels, spec.help, emitter)
