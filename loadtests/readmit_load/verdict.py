"""Come to a verdict on a run: PASS, FAIL or VOID, each with an exit code of its own."""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

import msgspec

from readmit_load.capacity import Capacity
from readmit_load.figures import EndpointFigures, Generator
from readmit_load.slo import Limits

STARVED_FROM = 0.9
"""The share of a core from which on a process of the generator measures its own queue instead of the server."""

STOLEN_FROM = 0.02
"""The share of all cores from which on it is told that the host took it: times are then those of its other guests."""

_PERCENTILES = {"p50": 1, "p95": 20, "p99": 100}
"""Each with the requests from which on it is told: among fewer it would be the longest one."""

_CUT_OFF = 1
"""Requests that the edges of the time may cut off: one user who asks each second is seen four times in 4.9 s."""


class Outcome(Enum):
    """What a run is worth."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    VOID = "VOID"


EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 2, Outcome.VOID: 3}  # 1 is for a run that never began


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome, and what is wrong, a sentence each."""

    outcome: Outcome
    misses: tuple[str, ...]
    void: str | None

    @property
    def code(self) -> int:
        """The exit code."""
        return EXIT_CODES[self.outcome]


def judge(
    figures: Mapping[str, EndpointFigures],
    limits: Mapping[str, Limits],
    generator: Generator,
    *,
    outside: Mapping[str, int],
    faults: Sequence[str] = (),
) -> Verdict:
    """Hold the figures against the limits; `outside` counts failures before and after, `faults` are others'."""
    misses = list(faults)
    if not any(seen.requests for seen in figures.values()):
        misses.append("no request was made")
    for name, seen in figures.items():
        misses.extend(f"{name}: {miss}" for miss in _missed(seen, limits[name]))
    misses.extend(
        f"{name}: {failed} requests failed before or after it was measured"
        for name, failed in outside.items()
        if failed
    )
    void = None
    if not generator.cpu_shares:
        void = "nobody told how busy the generator was"
    elif generator.most >= STARVED_FROM:
        void = f"the generator was starved: a process of it took {generator.most:.0%} of a core"
    outcome = Outcome.VOID if void else Outcome.FAIL if misses else Outcome.PASS
    return Verdict(outcome=outcome, misses=tuple(misses), void=void)


def verdict_of_search(capacity: Capacity, faults: Sequence[str]) -> Verdict:
    """Judge a search for the capacity: it found a figure, or it says why not."""
    void = None
    if not capacity.users and all(trial.void for trial in capacity.trials):
        void = capacity.trials[-1].void
    outcome = Outcome.VOID if void else Outcome.FAIL if faults else Outcome.PASS
    return Verdict(outcome=outcome, misses=tuple(faults), void=void)


def _missed(seen: EndpointFigures, limits: Limits) -> Iterator[str]:
    if not seen.requests:
        if seen.asked >= 1:  # of few users none may be one of its own
            yield "no request was made"
        return
    for name, enough in _PERCENTILES.items():
        limit, value = getattr(limits, f"{name}_ms"), getattr(seen, f"{name}_ms")
        if limit is not None and value > limit and seen.requests >= enough:
            yield f"{name} {value:g} ms, over {limit:g}"
    share = seen.failures / seen.requests
    if share > limits.failure_share:
        yield f"{seen.failures} of {seen.requests} requests failed, over the share {limits.failure_share:g}"
    if limits.least_rate_per_user is not None:
        wanted = limits.least_rate_per_user * seen.asked
        if seen.requests + _CUT_OFF < wanted:
            per_user = seen.requests / seen.asked
            yield f"{per_user:.2f} requests a second of each user, under {limits.least_rate_per_user:g}"


def line(
    verdict: Verdict,
    figures: Mapping[str, EndpointFigures],
    generator: Generator,
    *,
    title: str,
    capacity: Capacity | None = None,
) -> str:
    """Return the verdict in one line."""
    requests = sum(seen.requests for seen in figures.values())
    failures = sum(seen.failures for seen in figures.values())
    rate = sum(seen.rate for seen in figures.values())
    busiest = max(figures.items(), key=lambda each: each[1].requests, default=None)
    parts = [f"{verdict.outcome.name}: {title}", *([capacity.said] if capacity else [])]
    parts += [f"{requests} requests, {rate:.0f}/s, {failures} failed"]
    if busiest:
        name, seen = busiest
        parts.append(f"{name} p50 {seen.p50_ms:g} p95 {seen.p95_ms:g} p99 {seen.p99_ms:g} ms")
    parts.append(f"generator {generator.most:.0%} of a core")
    if (generator.stolen_share or 0.0) >= STOLEN_FROM:
        parts.append(f"the host took {generator.stolen_share:.0%} of the cores")
    parts.extend(([verdict.void] if verdict.void else []) + list(verdict.misses[:5]))
    if len(verdict.misses) > 5:
        parts.append(f"{len(verdict.misses) - 5} more misses")
    return "; ".join(parts)
