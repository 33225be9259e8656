"""Take the queries out of the dashboards' JSON, as Grafana would send them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "grafana" / "dashboards"
# Grafana's own: what it works out from the range and the width of a panel.
_INTERVALS = {"__rate_interval": "1m", "__interval": "15s", "__range": "15m"}
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


class VariableUnknown(ValueError):
    """A query names a variable that its dashboard does not have."""


@dataclass(frozen=True)
class PanelQuery:
    """One query of one panel, ready to be asked."""

    dashboard: str
    panel: str
    expr: str


def committed() -> dict[str, dict[str, Any]]:
    """Return every dashboard by its file's name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels_of(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give every panel of a dashboard or a row, those of rows too and no row."""
    for panel in board.get("panels", ()):
        if panel["type"] == "row":
            yield from panels_of(panel)
        else:
            yield panel


def queries_of(board: Mapping[str, Any]) -> Iterator[PanelQuery]:
    """Give every query, with all values chosen in each variable. Raises VariableUnknown."""
    chosen = {variable["name"]: variable.get("allValue", "") for variable in board["templating"]["list"]}
    for panel in panels_of(board):
        for target in panel["targets"]:
            yield PanelQuery(board["title"], panel["title"], _substituted(target["expr"], _INTERVALS | chosen))


def _substituted(expr: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise VariableUnknown(f"no variable {found[1]} for {expr}")
        return values[found[1]]

    return _VARIABLE.sub(value, expr)
