"""Read Prometheus' rules and their tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from support.generated_text import ROOT

PROMETHEUS = ROOT / "observability" / "prometheus"
RULES = sorted(PROMETHEUS.glob("rules/*.rules.yml"))
TESTS = sorted(PROMETHEUS.glob("tests/*_test.yml"))


def rules() -> Iterator[dict[str, Any]]:
    """Give every rule."""
    for path in RULES:
        for group in _read(path)["groups"]:
            yield from group["rules"]


def alerts() -> dict[str, dict[str, Any]]:
    """Give every alert by its name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def tried() -> Iterator[tuple[str, bool]]:
    """Give each alert that a test of promtool's looks at, and whether it has to fire there."""
    for path in TESTS:
        for case in _read(path)["tests"]:
            for look in case["alert_rule_test"]:
                yield look["alertname"], bool(look["exp_alerts"])


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())
