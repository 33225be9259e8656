"""Come to a verdict on a run, in one line."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from readmit_cli.model_rows import PromotionStatus
from support.swap.checks import NEVER, Served, gone_back, served, wrong_answers
from support.swap.contenders import Contender
from support.swap.drive import Outage
from support.swap.fleet import Life
from support.swap.load import Answer

SERVED_WITHIN_S = 3.0
"""Within which 99 of 100 changes outside of outages are served by every living replica."""

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run was to do, and what was seen of it."""

    seed: int
    changes: int
    kills: int
    contenders: Sequence[Contender]
    on_record: Sequence[PromotionStatus]
    lives: Sequence[Life]
    outages: Sequence[Outage]
    answers: Sequence[Answer]
    answered: int
    failed: Sequence[str]
    cut: int
    load_averages: Sequence[float]
    whole: bool
    """Whether it came to its end: every step taken, the trainer knows all replicas as converged, each stopped by 0."""

    @property
    def killed(self) -> int:
        """How many processes were killed."""
        return sum(life.killed_at is not None for life in self.lives)


@dataclass(frozen=True)
class Verdict:
    """What is wrong, if anything, and the line that says all."""

    faults: Sequence[str]
    line: str


def judge(run: Run) -> Verdict:
    """Check a run that is over."""
    wrong = wrong_answers(run.answers, {one.epoch: one.model_id for one in run.on_record}, run.contenders)
    back = gone_back(run.answers)
    reached = served({one.epoch: one.promoted_at.timestamp() for one in run.on_record}, run.lives, run.answers)
    in_outages = [one for one in reached if any(_overlap(one, outage) for outage in run.outages)]
    times_s = [one.served_at - one.promoted_at for one in reached if one not in in_outages]
    found = {
        "requests failed": run.failed,
        "wrong answers": wrong,
        "answers by an earlier epoch than before": back,
        "changes never served": [one for one in reached if one.served_at == NEVER],
    }
    faults = [f"{len(which)} {what}: {which[:_SHOWN]}" for what, which in found.items() if which] + list(_undone(run))
    p50_s, p99_s = percentile(times_s, 0.5), percentile(times_s, 0.99)
    if p99_s > SERVED_WITHIN_S:
        faults.append(f"1 of 100 changes took {p99_s:.1f} s or longer until all served it: {sorted(times_s)[-_SHOWN:]}")
    kinds = Counter(one.kind for one in run.on_record if one.epoch > 1)
    slowest_s = max((one.served_at - one.promoted_at for one in in_outages), default=0.0)
    outages = ", ".join(f"{one.program} {one.down_s:.0f} s" for one in run.outages)
    parts = (
        f"{'FAIL' if faults else 'PASS'}: {kinds['promotion']} promotions, {kinds['rollback']} rollbacks",
        f"{run.killed} kills",
        f"{len(run.outages)} outages ({outages})",
        f"{run.answered} requests answered, {len(run.failed)} failed, {run.cut} cut by a kill",
        f"{len(run.answers)} answers checked bit for bit, {len(wrong)} wrong",
        f"{len(back)} gone back to an earlier epoch",
        f"{len(times_s)} changes served by all after p50 {p50_s:.1f} s, p99 {p99_s:.1f} s",
        f"{len(in_outages)} in outages, at most {slowest_s:.1f} s",
        f"seed {run.seed}, load average {min(run.load_averages):.1f} to {max(run.load_averages):.1f}",
    )
    return Verdict(faults, "; ".join(parts))


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that this share of all values does not exceed; infinite when there is none."""
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else NEVER


def _overlap(one: Served, outage: Outage) -> bool:
    return one.promoted_at < outage.ended and outage.began < one.served_at


def _undone(run: Run) -> Iterator[str]:
    if not run.whole:
        yield "the run did not come to its end"
    # the first epoch is from before the load
    if [one.epoch for one in reversed(run.on_record)] != list(range(1, run.changes + 2)):
        yield f"{len(run.on_record) - 1} of {run.changes} changes are on record"
    if run.killed != run.kills:
        yield f"{run.killed} of {run.kills} processes were killed"
    yield from (f"nothing was answered while {one.program} was down" for one in run.outages if not one.answered)
