"""Every alert says how bad it is, what happened, and what to do; what it asks for exists."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from readmit_cli import app
from readmit_dashboards.queries import committed, queries_of
from readmit_runtime.markdown_table import markdown_table
from support.generated_text import ROOT, GeneratedText
from support.rule_files import RULES, alerts, rules, tried, undeclared

RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
SEVERITIES = {"critical", "warning"}


def _asked() -> set[str]:
    panels = {query.expr for board in committed().values() for query in queries_of(board)}
    return panels | {rule["expr"] for rule in rules()}


def test_what_rules_and_panels_ask_for_is_told_by_some_process() -> None:
    """A metric that was renamed leaves an alert silent for ever."""
    for expr in _asked():
        assert not undeclared(expr), expr


def test_recorded_series_that_are_asked_for_are_recorded() -> None:
    """A rule's own name can be mistyped as well."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for expr in _asked():
        assert set(re.findall(r"\breadmit:[a-z_]+:[a-z_0-9]+", expr)) <= recorded, expr


def test_every_alert_has_severity_summary_and_a_page_that_names_it() -> None:
    """Whoever is woken has to know what it is and where to begin."""
    for name, alert in alerts().items():
        assert alert["labels"]["severity"] in SEVERITIES, name
        assert alert["annotations"]["summary"].endswith("."), name
        assert f"`{name}`" in (ROOT / alert["annotations"]["runbook"]).read_text().partition("## ")[0], name


def test_every_alert_is_tried_firing_and_silent() -> None:
    """One that never fires is as useless as one that always does."""
    assert set(tried()) == {(name, fires) for name in alerts() for fires in (True, False)}


def test_the_runbooks_list_the_alerts(generated: GeneratedText) -> None:
    """Somebody who only has an alert's name finds the page."""
    rows = [
        (f"`{name}`", alert["labels"]["severity"], alert["for"], f"[{page.stem}]({page.name})")
        for name, alert in sorted(alerts().items())
        for page in [Path(alert["annotations"]["runbook"])]
    ]
    generated.part(RUNBOOKS / "README.md", "alerts", markdown_table(("Alert", "Severity", "After", "Page"), rows))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_runbook_exist(page: Path) -> None:
    """At night nobody wants to find out how a command is really called."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    for line in "".join(blocks).splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "readmit", line
        _resolve(words, line)


def _resolve(words: list[str], line: str) -> None:
    command: Any = typer.main.get_command(app.build())
    while hasattr(command, "commands"):
        assert words, line
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    # The command's own parser: it knows options, their values and how many arguments there may be.
    command.make_context(line, words)


def test_configurations_name_files_and_sources_that_exist() -> None:
    """A dashboard without its source is an empty page."""
    provisioning = ROOT / "observability" / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert (source["uid"], source["type"], source["editable"]) == ("prometheus", "prometheus", False)
    [provider] = yaml.safe_load((provisioning / "dashboards" / "readmit.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    assert not provider["allowUiUpdates"]
    assert RULES
