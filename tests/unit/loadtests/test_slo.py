"""The limits are read whole, or not at all."""

from pathlib import Path

import pytest
from readmit_load.slo import SloInvalid, read_slo
from support.generated_text import ROOT

ENDPOINTS = ("POST /a", "GET /b")
BOTH = "endpoints: {POST /a: {p95_ms: 50}, GET /b: {p99_ms: 100}}\n"


def read(tmp_path: Path, text: str):
    """Read a text as if it were the file."""
    path = tmp_path / "slo.yaml"
    path.write_text(text)
    return read_slo(path, endpoints=ENDPOINTS, situations=("fire",))


def test_a_scenario_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    """A scenario that dropped the other limits would make every run under it green."""
    slo = read(tmp_path, BOTH + "during: {fire: {POST /a: {p95_ms: 150}}}")
    assert slo.limits("fire")["POST /a"].p95_ms == 150
    assert slo.limits("fire")["GET /b"] == slo.limits()["GET /b"]
    assert slo.limits()["POST /a"].p95_ms == 50
    assert slo.limits()["POST /a"].failure_share == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("endpoints: {POST /a: {}, GET /b: {}, GET /typo: {}}", "'GET /typo', which nobody has"),
        ("endpoints: {POST /a: {}}", "says nothing of GET /b"),
        (BOTH + "during: {flood: {}}", "the shape or scenario 'flood'"),
        (BOTH + "during: {fire: {GET /typo: {}}}", "'GET /typo'"),
        (BOTH + "during: {fire: {GET /b: {p98_ms: 3}}}", "p98_ms"),
        ("endpoints: {POST /a: {p95: 50}, GET /b: {}}", "p95"),
        ("endpoints: {POST /a: {p95_ms: soon}, GET /b: {}}", "p95_ms"),
        ("endpoints: {POST /a: {p95_ms: .nan}, GET /b: {}}", "POST /a the p95_ms nan"),
        ("endpoints: {POST /a: {failure_share: .inf}, GET /b: {}}", "POST /a the failure_share inf"),
        (BOTH + "during: {fire: {GET /b: {p99_ms: -1}}}", "GET /b the p99_ms -1"),
        ("endpoints: [", "does not say what has to be held"),
        ("", "does not say what has to be held"),
    ],
)
def test_a_file_that_can_not_be_held_against_a_run_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A limit that nobody looks at would be kept for ever."""
    with pytest.raises(SloInvalid, match=said):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Without limits there is no verdict."""
    with pytest.raises(SloInvalid, match="can't be read"):
        read_slo(tmp_path / "none.yaml", endpoints=ENDPOINTS, situations=())


def test_the_committed_file_has_limits_for_a_prediction() -> None:
    """They are those that the project promises."""
    text = (ROOT / "loadtests" / "slo.yaml").read_text()
    assert "POST /v1/predict: {p50_ms: 25, p95_ms: 50, p99_ms: 100, failure_share: 0" in text
