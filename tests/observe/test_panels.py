"""Every panel shows something of a running system, and stops doing so when a metric is renamed."""

import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from check_panels import asks_airflow, every_query, faults, main
from readmit_dashboards.queries import PanelQuery, committed
from support.rule_files import rules
from support.running_stack import POLL_S, RunningStack
from support.selectors import selectors

# MLflow is told of a model within 15 s and of the alias within 30, and then a scrape has to pass.
SEEN_WITHIN_S = 90
ABSENT_IN_HEALTH = {'up{job="airflow-exporter"}': "this stack has no Airflow"}


def without_airflow() -> list[PanelQuery]:
    """Give the queries that this stack can answer; `airflow/tests/stack/test_metrics.py` asks the others."""
    return [query for query in every_query() if not asks_airflow(query)]


def test_every_panel_shows_something(
    observed: RunningStack, checked: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty panel looks like a quiet system."""
    address = observed.stack.addresses.prometheus
    queries = without_airflow()
    deadline = time.monotonic() + SEEN_WITHIN_S
    while (left := faults(address, queries, now=time.time())) and time.monotonic() < deadline:
        time.sleep(10 * POLL_S)
    assert not left, "\n".join(left)
    assert main([address, "--no-airflow"]) == 0
    assert capsys.readouterr().out == f"{len(queries)} queries of panels, 0 of them wrong\n"
    panels = len({(query.dashboard, query.panel) for query in queries})
    checked(f"{len(queries)} queries of {panels} panels answered; the rest is Airflow's, which has a test of its own")


def test_every_selector_finds_something_by_itself(observed: RunningStack, checked: Callable[[str], None]) -> None:
    """In `A or B` one of two may be misspelt, and in `A > 0` a label's value: both look like a quiet system."""
    asked = [query for query in every_selector() if query.expr not in ABSENT_IN_HEALTH]
    assert len(asked) + len(ABSENT_IN_HEALTH) == len(every_selector())
    left = faults(observed.stack.addresses.prometheus, asked, now=time.time())
    assert not left, "\n".join(left)
    checked(f"{len(asked)} selectors of rules, panels and variables answered one by one")


def test_every_selector_is_found_empty_once_its_metric_is_renamed(observed: RunningStack) -> None:
    """A check that cannot fail is none."""
    queries = every_selector()
    renamed = [replace(query, expr=_renamed(query.expr)) for query in queries]
    changed = [after for before, after in zip(queries, renamed, strict=True) if before != after]
    assert len(changed) > 0.9 * len(queries)  # the rest asks what Prometheus knows by itself, such as `up`
    found = faults(observed.stack.addresses.prometheus, changed, now=time.time())
    assert len(found) == len(changed)


def test_a_query_that_prometheus_refuses_is_told_with_its_reason(observed: RunningStack) -> None:
    """Grafana shows a red corner, which nobody sees who does not look."""
    broken = replace(every_query()[0], expr="sum(")
    [told] = faults(observed.stack.addresses.prometheus, [broken], now=time.time())
    assert re.search(r"refused, .*parse error", told)


def every_selector() -> list[PanelQuery]:
    """Give every selector of rules, panels and variables once, under the name of who asks first; none of Airflow's."""
    asked = [("rules", rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    asked += [(query.dashboard, query.panel, query.expr) for query in every_query()]
    asked += [
        (board["title"], f"variable {variable['name']}", variable["query"])
        for board in committed().values()
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]
    found: dict[str, PanelQuery] = {}
    for dashboard, panel, expr in asked:
        for selector in selectors(expr):
            found.setdefault(selector, PanelQuery(dashboard, panel, selector))
    return [query for query in found.values() if not asks_airflow(query)]


def _renamed(expr: str) -> str:
    return re.sub(r"\b(readmit|kafka|process|node|pg|postgres|minio|mlflow)([_:])", r"\1\2renamed_", expr)
