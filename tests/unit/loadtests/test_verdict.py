"""A verdict names what was missed, and is never green by accident."""

from typing import Any

import pytest
from readmit_load import locust_process
from readmit_load.figures import EndpointFigures, Generator, figures_of, percentile
from readmit_load.slo import Limits
from readmit_load.verdict import Outcome, Verdict, judge, line

LIMITS = {"POST /a": Limits(p50_ms=25, p95_ms=50, p99_ms=100, least_rate_per_user=0.9)}
QUIET = Generator(cpu_shares={"alone": 0.4}, machine_share=0.6)


def seen(**changes: Any) -> EndpointFigures:
    """Give figures that hold, with changes."""
    fine = {"requests": 950, "failures": 0, "asked": 1000.0, "rate": 95.0}
    times = {"p50_ms": 5.0, "p95_ms": 20.0, "p99_ms": 40.0, "most_ms": 60.0}
    return EndpointFigures(**(fine | times | changes))


def judged(figures: EndpointFigures, *, generator: Generator = QUIET, **more: Any) -> Verdict:
    """Judge one endpoint."""
    return judge({"POST /a": figures}, LIMITS, generator, outside=more.pop("outside", {}), **more)


def test_without_a_word_on_the_generator_a_run_is_void() -> None:
    """Who can't tell whether it measured itself has measured nothing."""
    verdict = judged(seen(), generator=Generator(cpu_shares={}, machine_share=0.6))
    assert (verdict.outcome, verdict.code) == (Outcome.VOID, 3)


@pytest.mark.parametrize(
    ("code", "measured", "reported", "believed"),
    [
        (0, True, True, 0),
        (0, True, False, 2),
        (-9, True, False, 2),
        (-9, True, True, 2),
        (1, False, False, 1),
        (1, True, True, 2),
        (3, True, True, 3),
    ],
)
def test_a_load_test_that_was_killed_has_not_held(code: int, measured: bool, reported: bool, believed: int) -> None:
    """Of several runs the greatest code counts, that of a signal is below 0, and Locust ends with 1 for itself."""
    assert locust_process.believed(code, measured=measured, reported=reported) == believed


def test_what_holds_every_limit_passes() -> None:
    """Exactly at a limit is held."""
    verdict = judged(seen(p50_ms=25.0, p95_ms=50.0, p99_ms=100.0, requests=900))
    assert (verdict.outcome, verdict.code, verdict.misses) == (Outcome.PASS, 0, ())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"p50_ms": 25.1}, "POST /a: p50 25.1 ms, over 25"),
        ({"p95_ms": 51.0}, "POST /a: p95 51 ms, over 50"),
        ({"p99_ms": 1234.0}, "POST /a: p99 1234 ms, over 100"),
        ({"failures": 1}, "POST /a: 1 of 950 requests failed"),
        ({"requests": 898}, "POST /a: 0.90 requests a second of each user, under 0.9"),
        ({"requests": 0, "asked": 20.0}, "POST /a: no request was made"),
    ],
)
def test_each_limit_that_is_missed_is_named_with_its_endpoint(changes: dict[str, Any], said: str) -> None:
    """Who reads it knows where to look."""
    verdict = judged(seen(**changes))
    assert (verdict.outcome, verdict.code) == (Outcome.FAIL, 2)
    assert any(miss.startswith(said) for miss in verdict.misses), verdict.misses


def test_a_percentile_is_judged_once_there_are_enough_requests_to_tell_it() -> None:
    """Among 99 requests the 99th percentile is the longest, whatever befell it."""
    assert judged(seen(requests=99, asked=100.0, p99_ms=900.0)).outcome is Outcome.PASS
    assert judged(seen(requests=100, asked=100.0, p99_ms=900.0)).outcome is Outcome.FAIL
    assert judged(seen(requests=19, asked=20.0, p95_ms=900.0)).outcome is Outcome.PASS
    assert judged(seen(requests=2, asked=2.0, p50_ms=900.0)).outcome is Outcome.FAIL


def test_a_single_user_is_not_accused_for_the_edges_of_the_time() -> None:
    """Seen for five seconds, the fifth request comes a moment later; a second one that is missing is a miss."""
    assert judged(seen(requests=4, asked=5.0)).outcome is Outcome.PASS
    assert judged(seen(requests=3, asked=5.0)).misses == ("POST /a: 0.60 requests a second of each user, under 0.9",)


def test_no_request_at_all_is_a_failure() -> None:
    """Nothing failed, and nothing was shown."""
    assert judge({}, LIMITS, QUIET, outside={}).misses == ("no request was made",)


def test_an_endpoint_that_had_no_user_is_not_judged() -> None:
    """Of ten users none asks for a batch; that something was asked at all is judged besides."""
    limits = LIMITS | {"POST /b": LIMITS["POST /a"]}
    verdict = judge({"POST /a": seen(), "POST /b": seen(requests=0, asked=0.0)}, limits, QUIET, outside={})
    assert verdict.outcome is Outcome.PASS


def test_a_starved_generator_makes_a_run_void_also_when_its_figures_hold() -> None:
    """It measured itself."""
    starved = Generator(cpu_shares={"one": 0.2, "two": 0.93}, machine_share=0.9)
    for figures in (seen(), seen(p99_ms=500.0)):
        verdict = judged(figures, generator=starved)
        assert (verdict.outcome, verdict.code) == (Outcome.VOID, 3)
        assert "93% of a core" in (verdict.void or "")


def test_failures_outside_of_the_time_and_faults_of_a_scenario_count() -> None:
    """What is thrown away of the beginning is its times alone."""
    assert judged(seen(), outside={"POST /a": 2}).misses == (
        "POST /a: 2 requests failed before or after it was measured",
    )
    assert judged(seen(), outside={"POST /a": 0}).outcome is Outcome.PASS
    assert judged(seen(), faults=["scenario fire: never ended"]).misses == ("scenario fire: never ended",)


def test_the_line_says_outcome_figures_and_misses() -> None:
    """It is the last line of a run, and the only one that is read."""
    figures = seen(p99_ms=101.0)
    said = line(judged(figures), {"POST /a": figures}, QUIET, title="smoke")
    assert said.startswith("FAIL: smoke; 950 requests, 95/s, 0 failed; POST /a p50 5 p95 20 p99 101 ms")
    assert said.endswith("generator 40% of a core; POST /a: p99 101 ms, over 100")


@pytest.mark.parametrize(("stolen", "told"), [(None, False), (0.019, False), (0.09, True)])
def test_the_line_says_what_the_host_took(stolen: float | None, *, told: bool) -> None:
    """A miss on a machine that was not given its cores says little about the server; it is a miss all the same."""
    figures = seen(p99_ms=500.0)
    robbed = Generator(cpu_shares={"alone": 0.4}, machine_share=0.6, stolen_share=stolen)
    verdict = judged(figures, generator=robbed)
    assert verdict.outcome is Outcome.FAIL
    assert ("the host took 9% of the cores" in line(verdict, {"POST /a": figures}, robbed, title="hold")) is told


def test_a_percentile_is_a_time_that_was_seen() -> None:
    """99 of 100 are no longer than the 99th."""
    times = {1.0: 98, 7.0: 1, 900.0: 1}
    assert [percentile(times, share) for share in (0.5, 0.98, 0.99, 1.0)] == [1.0, 1.0, 7.0, 900.0]
    assert percentile({}, 0.99) == 0.0
    figures = figures_of(times, requests=100, failures=3, asked=120.0, seconds=50.0)
    assert (figures.rate, figures.p99_ms, figures.most_ms, figures.failures) == (2.0, 7.0, 900.0, 3)
