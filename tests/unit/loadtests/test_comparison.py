"""What two servers' searches come to is said as far as it is true."""

from typing import Any

import pytest
from readmit_load.comparison import conclusion

MISS = "POST /v1/predict: p95 412 ms, over 50"


def report(users: int, limited_by: str = "slo", misses: tuple[str, ...] = ()) -> dict[str, Any]:
    """Give what of a search's report matters here."""
    trials = [{"users": max(1, users), "misses": [MISS], "void": None}]
    return {
        "capacity": {"users": users, "limited_by": limited_by, "trials": trials},
        "verdict": {"misses": list(misses)},
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "code", "said"),
    [
        (
            report(900),
            report(3),
            0,
            "PASS: within slo.yaml the predictor carries 300 times [300 .. 300] the users of it",
        ),
        (report(900, "generator"), report(3), 0, "carries at least 300 times"),
        (report(900), report(0), 0, f"carries 900 users and it not one (1 user: {MISS})"),
        (report(900), report(3, "generator"), 3, "VOID: within slo.yaml it was not its limits that ended"),
        (report(900), report(3, "most"), 3, "VOID"),
        (report(900), report(3, misses=("1 of 3 processes died",)), 3, "VOID: within slo.yaml the search of it"),
        (
            report(900, misses=("1 of 3 processes died",)),
            report(3),
            2,
            "FAIL: within slo.yaml the search of the predict",
        ),
    ],
    ids=[
        "ratio",
        "a lower bound",
        "not one user",
        "their generator starved",
        "no more were asked for",
        "their search is bad",
        "a bad search",
    ],
)
def test_the_ratio_is_said_only_where_there_is_one(
    ours: dict[str, Any], theirs: dict[str, Any], code: int, said: str
) -> None:
    """A ratio over a figure that the generator or a fault ended flatters us."""
    ended, line = conclusion([{"predictor": ours, "other": theirs}] * 3, "it", slo="slo.yaml")
    assert ended == code
    assert said in line
