"""What Airflow tells Prometheus, by the real exporter of the stack."""

import re
import time
from dataclasses import replace

import httpx
import yaml
from check_panels import asks_airflow, every_query, faults
from prometheus_client.parser import text_string_to_metric_families
from support.generated_text import ROOT
from support.running_stack import wait_for

MAPPING = ROOT / "observability" / "exporters" / "airflow.yml"
QUERIES = [query for query in every_query() if asks_airflow(query)]
SEEN_WITHIN_S = 60


def _one_run_each(airflow) -> None:
    """Let one run end well and one badly."""
    assert airflow.ended(airflow.run("prepare_tables"), timeout_s=180) == "success"
    unknown = airflow.run("promote_model", model_id="cd" * 32)
    assert airflow.ended(unknown, timeout_s=180) == "failed"


def test_every_metric_of_the_mapping_is_told_and_no_other(running, airflow):
    """A name that Airflow no longer sends would leave a panel empty, and what nobody chose is only cost."""
    _one_run_each(airflow)
    mapped = yaml.safe_load(MAPPING.read_text())["mappings"]
    chosen = {each["name"].removesuffix("_total") for each in mapped if each.get("action") != "drop"}

    def told() -> set[str]:
        text = httpx.get(f"{running.stack.addresses.airflow_exporter}/metrics", trust_env=False).raise_for_status().text
        return {family.name for family in text_string_to_metric_families(text) if family.name.startswith("airflow")}

    wait_for(lambda: chosen <= told(), f"all of {sorted(chosen)} are told", timeout_s=SEEN_WITHIN_S)
    assert told() == chosen


def test_every_panel_of_airflow_shows_something_and_nothing_once_its_metrics_are_renamed(running):
    """An empty panel looks like a quiet scheduler, and a check that cannot fail is none."""
    address = running.stack.addresses.prometheus
    wait_for(lambda: not faults(address, QUERIES, now=time.time()), "every panel shows", timeout_s=SEEN_WITHIN_S)
    renamed = [replace(query, expr=re.sub(r"\bairflow_", "airflow_renamed_", query.expr)) for query in QUERIES]
    assert len(faults(address, renamed, now=time.time())) == len(QUERIES) > 5


def test_failures_are_told_by_dag_and_task(running):
    """A figure without a name sends nobody to the right page."""
    query = {"query": 'airflow_task_ends_total{state="failed"}'}
    answer = httpx.get(f"{running.stack.addresses.prometheus}/api/v1/query", params=query, trust_env=False).json()
    failed = {(series["metric"]["dag_id"], series["metric"]["task_id"]) for series in answer["data"]["result"]}
    assert ("promote_model", "gate") in failed
