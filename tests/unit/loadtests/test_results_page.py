"""The README's tables are those of the committed results."""

from typing import Any

import msgspec
from readmit_load import comparison
from readmit_load.capacity_page import README, RESULT
from readmit_load.scenario_names import SCENARIOS
from readmit_runtime.markdown_table import markdown_table
from support.generated_text import GeneratedText

RESULTS = RESULT.parent
PREDICT = "POST /v1/predict"
TIMES = ("p50_ms", "p95_ms", "p99_ms")


def result(name: str) -> dict[str, Any]:
    """Give a result that was kept."""
    return dict(msgspec.json.decode((RESULTS / f"{name}.json").read_bytes()))


def times(seen: dict[str, Any]) -> list[str]:
    """Give the times of an endpoint as cells."""
    return [f"{seen[name]:g}" for name in TIMES]


def test_the_readme_has_the_result_of_every_scenario(generated: GeneratedText) -> None:
    """A figure that somebody typed is nobody's."""
    rows = []
    for name in ("hold", *SCENARIOS):
        found = result(name)
        window = found["window"]
        endpoints = window["endpoints"].values()
        made, failed = (sum(seen[what] for seen in endpoints) for what in ("requests", "failures"))
        counts = (found["replicas"], round(made / window["seconds"]), made, failed, found["failovers"])
        outcome = found["verdict"]["outcome"]
        busiest = f"{max(window['generator']['cpu_shares'].values()):.0%}"
        commit = f"`{found['circumstances']['commit']}`"
        told = [f"{count:,}" for count in counts]
        cells = (f"[`{name}`](results/{name}.json)", *told, *times(window["endpoints"][PREDICT]), busiest)
        rows.append((*cells, outcome, commit))
    header = ("", "Predictors", "Requests/s", "Requests", "Failed", "Failovers", "p50 ms", "p95 ms", "p99 ms")
    text = markdown_table((*header, "Generator, of a core", "Verdict", "Commit"), rows)
    generated.part(README, "scenarios", text)


def test_the_readme_has_the_comparisons(generated: GeneratedText) -> None:
    """What the command printed last is what is told of it."""
    said = []
    for path in sorted(RESULTS.glob("compare*.json")):
        found = result(path.stem)
        code, conclusion = comparison.conclusion(found["rounds"], found["names"]["other"], slo=found["slo"])
        assert code == 0, path
        said.append(f"* {conclusion.removeprefix('PASS: ')} ([result](results/{path.name})).\n")
    generated.part(README, "comparisons", "".join(said))


def test_no_request_fails_in_a_scenario_that_is_kept() -> None:
    """Whatever befell the system, nobody who asked went without an answer."""
    failed = {}
    for name in SCENARIOS:
        found = result(name)
        failures = sum(seen["failures"] for seen in found["window"]["endpoints"].values())
        failed[name] = failures + sum(found["failures_outside"].values())
    assert failed == dict.fromkeys(SCENARIOS, 0)
