"""Compare what a `/metrics` says with what its service declares."""

import importlib
import sys
from collections.abc import Sequence

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from readmit_runtime.metrics import PROCESS, MetricSpec
from support.generated_text import ROOT

EMITTERS = tuple(sorted(path.parent.name for path in ROOT.glob("services/*/src/*/metrics.py")))
"""The modules of the services that have metrics."""
ADDED_LABELS = {"le"}


def table_of(service: str) -> Sequence[MetricSpec]:
    """Give a service's table of metrics."""
    table: Sequence[MetricSpec] = importlib.import_module(f"{service}.metrics").TABLE
    return table


def declared(service: str) -> dict[str, str]:
    """Give name and kind of all that a process of the service may expose on this system."""
    return told_of(table_of(service))


def told_of(table: Sequence[MetricSpec]) -> dict[str, str]:
    """Give name and kind of all that a process with such a table may expose on this system."""
    process = PROCESS if sys.platform == "linux" else ()
    return {spec.name: spec.kind for spec in (*table, *process)}


def exposed(text: str) -> dict[str, str]:
    """Give name and kind of all that a scrape holds."""
    return {_name(family): family.type for family in text_string_to_metric_families(text)}


def series(text: str) -> list[tuple[str, dict[str, str]]]:
    """Give the metric and the labels of each series in a scrape, those that a histogram adds left out."""
    return [
        (_name(family), {label: value for label, value in sample.labels.items() if label not in ADDED_LABELS})
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def value(text: str, name: str, **labels: str) -> float:
    """Give the value of one series; fails when a scrape does not have it."""
    [found] = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if (sample.name, sample.labels) == (name, labels)
    ]
    return found


def _name(family: Metric) -> str:
    return family.name + ("_total" if family.type == "counter" else "")
