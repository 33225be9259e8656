"""Say what the searches of two servers, in turn, come to."""

import statistics
from collections.abc import Sequence
from typing import Any

from readmit_load.verdict import EXIT_CODES, Outcome

Round = dict[str, Any]
"""The reports of the search of `predictor` and of that of `other`."""


def ratios(rounds: Sequence[Round]) -> list[float]:
    """Return how many times the users the predictor carried, of each round in which the other one carried any."""
    pairs = [(users(each["predictor"]), users(each["other"])) for each in rounds]
    return [ours / theirs for ours, theirs in pairs if theirs]


def users(report: dict[str, Any]) -> int:
    """Return the users that a search found."""
    return int(report["capacity"]["users"])


def conclusion(rounds: Sequence[Round], other: str, *, slo: str) -> tuple[int, str]:
    """Return the exit code and the last line.

    A search that the generator ended is a lower bound: of ours it makes the ratio one, too; of the other one's it makes
    the ratio worth nothing.
    """
    faults = [miss for each in rounds for miss in each["predictor"]["verdict"]["misses"]]
    theirs = [miss for each in rounds for miss in each["other"]["verdict"]["misses"] if users(each["other"])]
    bounded = [name for name in ("predictor", "other") if any(_ended_early(each[name]) for each in rounds)]
    if faults:
        outcome, said = Outcome.FAIL, f"the search of the predictor is no good one: {faults[0]}"
    elif theirs:  # that it carries not one is a miss, too, and a result
        outcome, said = Outcome.VOID, f"the search of {other} is no good one: {theirs[0]}"
    elif "other" in bounded:
        outcome, said = Outcome.VOID, f"it was not its limits that ended the search of {other}"
    else:
        outcome, said = Outcome.PASS, _said(rounds, other, "at least " if bounded else "")
    return EXIT_CODES[outcome], f"{outcome.name}: within {slo} {said}"


def _ended_early(report: dict[str, Any]) -> bool:
    return bool(report["capacity"]["limited_by"] != "slo")


def _said(rounds: Sequence[Round], other: str, least: str) -> str:
    found = ratios(rounds)
    if len(found) == len(rounds):
        spread = f"[{min(found):.0f} .. {max(found):.0f}]"
        return f"the predictor carries {least}{statistics.median(found):.0f} times {spread} the users of {other}"
    ours = statistics.median_low(users(each["predictor"]) for each in rounds)
    none = next(each["other"] for each in rounds if not users(each["other"]))
    first = min(none["capacity"]["trials"], key=lambda trial: int(trial["users"]))
    few = "1 user" if first["users"] == 1 else f"{first['users']} users"
    return f"the predictor carries {least}{ours:,} users and {other} not one ({few}: {', '.join(first['misses'])})"
