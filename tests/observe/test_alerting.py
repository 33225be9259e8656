"""The tools accept rules and configurations, and an alert comes and goes in a real Prometheus."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import yaml
from support.generated_text import ROOT
from support.k8s.kafka_resources import PRODUCTION
from support.rule_files import PROMETHEUS, RULES, TESTS, alerts, rules
from support.running_stack import RunningStack, wait_for

BIN = ROOT / ".local" / "bin"
ALERTMANAGER = ROOT / "observability" / "alertmanager" / "alertmanager.yml"

_CASES = """
rule_files: [production.rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'up{job="ingestor", namespace="elsewhere"}', values: '0x20'}
      - {series: 'up{job="predictor", namespace="elsewhere"}', values: '1x20'}
      - {series: 'up{job="predictor", namespace="readmit"}', values: '0x20'}
      - {series: 'readmit_predictor_served_epoch{instance="a", namespace="elsewhere"}', values: '0x20'}
      - {series: 'readmit_predictor_served_epoch{instance="b", namespace="readmit"}', values: '0x20'}
    promql_expr_test:
      - expr: sum by (alertname, job, instance, namespace) (ALERTS{alertname=~"TargetDown|PredictorWithoutModel"})
        eval_time: 15m
        exp_samples:
          - {labels: '{alertname="TargetDown", job="predictor", namespace="readmit"}', value: 1}
          - {labels: '{alertname="PredictorWithoutModel", instance="b", namespace="readmit"}', value: 1}
      - expr: count(ALERTS{alertname="ServiceGone"})
        eval_time: 15m
        exp_samples: [{labels: '{}', value: 5}]
"""


def _accepts(tool: str, *arguments: str | Path) -> str:
    done = subprocess.run([BIN / tool, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_alert_fires_when_it_has_to_and_is_silent_otherwise(checked: Callable[[str], None]) -> None:
    """promtool runs the rules over series that were written down."""
    _accepts("promtool", "test", "rules", *TESTS)
    checked(f"{len(alerts())} alerts tried, firing and silent")


def test_the_rules_of_production_judge_their_namespace_alone(tmp_path: Path) -> None:
    """Another team's pods wake nobody here, and do not stand for ours either."""
    [rule] = yaml.safe_load_all((PRODUCTION / "prometheus-rules.yaml").read_text())
    (tmp_path / "production.rules.yml").write_text(yaml.safe_dump(rule["spec"]))
    (tmp_path / "production_test.yml").write_text(_CASES)
    told = _accepts("promtool", "check", "rules", tmp_path / "production.rules.yml")
    assert f"{len(list(rules()))} rules found" in told
    _accepts("promtool", "test", "rules", tmp_path / "production_test.yml")


def test_every_rule_and_configuration_is_accepted(observed: RunningStack, checked: Callable[[str], None]) -> None:
    """A file that a server refuses leaves it on the old one, or down."""
    told = _accepts("promtool", "check", "rules", *RULES)
    found = sum(int(count) for count in re.findall(r"(\d+) rules found", told))
    assert found == len(list(rules()))
    _accepts("promtool", "check", "config", observed.stack.state.prometheus / "prometheus.yml")
    _accepts("amtool", "check-config", ALERTMANAGER)
    checked(f"{found} rules and 2 configurations accepted")


def test_prometheus_evaluates_every_rule_without_an_error(observed: RunningStack) -> None:
    """A rule that matches two series where it may match one is accepted, and fails only on what is really there."""

    def evaluated() -> list[dict[str, str]]:
        groups = _asked(observed, "rules")["groups"]
        return [rule for group in groups for rule in group["rules"] if rule["health"] != "unknown"]

    wait_for(lambda: len(evaluated()) == len(list(rules())), "every rule was evaluated")
    assert not [rule for rule in evaluated() if rule["health"] != "ok"]


def test_a_stopped_ingestor_raises_its_alerts_and_the_runbook_clears_them(
    observed: RunningStack, tmp_path: Path
) -> None:
    """Rows wait and nobody reads: the alerts come, and end by the runbook's command.

    The rules are the real ones but for the time that each condition has to last, which is a second here.
    """
    _reload_with_haste(observed, tmp_path)
    observed.stop("ingestor")
    observed.readmit("ingest", "start", "--train", "next:1", "--then", "nothing", "--no-wait")
    wanted = {("TargetDown", "ingestor"), ("ServiceGone", "ingestor"), ("ConsumerGroupEmpty", "ingestor")}
    wait_for(lambda: wanted <= _firing(observed), f"{wanted} are raised", timeout_s=90)
    observed.readmit("up", "--no-airflow")
    wait_for(lambda: not wanted & _firing(observed), f"{wanted} have ended", timeout_s=90)
    wait_for(lambda: observed.json("ingest", "status", "last")["run"]["state"] == "completed", "the run is completed")


def _reload_with_haste(observed: RunningStack, folder: Path) -> None:
    shutil.copytree(PROMETHEUS / "rules", folder / "rules")
    for path in (folder / "rules").iterdir():
        path.write_text(re.sub(r"^( +for): \w+$", r"\1: 1s", path.read_text(), flags=re.MULTILINE))
    configuration = observed.stack.state.prometheus / "prometheus.yml"
    configuration.write_text(configuration.read_text().replace(str(PROMETHEUS / "rules"), str(folder / "rules")))
    os.kill(observed.pid("prometheus"), signal.SIGHUP)

    def read_anew() -> bool:
        return all(group["file"].startswith(str(folder)) for group in _asked(observed, "rules")["groups"])

    wait_for(read_anew, "the rules are read anew")


def _firing(observed: RunningStack) -> set[tuple[str, str]]:
    """Give name and job or group of every alert that fires."""
    fires = [alert["labels"] for alert in _asked(observed, "alerts")["alerts"] if alert["state"] == "firing"]
    return {(labels["alertname"], labels.get("job", labels.get("consumergroup", ""))) for labels in fires}


def _asked(observed: RunningStack, what: str) -> dict:
    address = f"{observed.stack.addresses.prometheus}/api/v1/{what}"
    return httpx.get(address, timeout=20, trust_env=False).raise_for_status().json()["data"]
