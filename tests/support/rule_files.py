"""Read Prometheus' rules and their tests."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from readmit_cli.lag_exporter.metrics import TABLE as LAG_TABLE
from readmit_runtime.metrics import PROCESS
from support.generated_text import ROOT
from support.scraped import EMITTERS, table_of

PROMETHEUS = ROOT / "observability" / "prometheus"
RULES = sorted(PROMETHEUS.glob("rules/*.rules.yml"))
TESTS = sorted(PROMETHEUS.glob("tests/*_test.yml"))

# What other programs' exporters tell stands in no table of ours: `make observe-check` asks them.
NAME = re.compile(r"\b(?:readmit|kafka_consumergroup|kafka_topic|process)_[a-z_]+\b")
PATTERN = re.compile(r'__name__=~"([^"]+)"')
PARTS_OF_A_HISTOGRAM = ("_bucket", "_sum", "_count")


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


@cache
def declared() -> frozenset[str]:
    """Give every series that some process of ours tells."""
    specs = [spec for service in EMITTERS for spec in table_of(service)] + [*LAG_TABLE, *PROCESS]
    parts = {spec.name + part for spec in specs if spec.kind == "histogram" for part in PARTS_OF_A_HISTOGRAM}
    return frozenset({spec.name for spec in specs} | parts)


def undeclared(expr: str) -> list[str]:
    """Give the series that an expression asks for and nobody tells."""
    plain = set(NAME.findall(PATTERN.sub("", expr))) - declared()
    patterns = [pattern for pattern in PATTERN.findall(expr) if not any(re.fullmatch(pattern, n) for n in declared())]
    return [*sorted(plain), *patterns]


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())
