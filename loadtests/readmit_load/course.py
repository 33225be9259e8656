"""Take a run through its course, a moment a second: the stages of a shape, or the search for the capacity."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from readmit_load.answers import PATIENCE_S
from readmit_load.capacity import Capacity, Search, Trial
from readmit_load.figures import Window
from readmit_load.report import MEASURING_FILE, SCENARIO_FILE
from readmit_load.shapes import RAMP_S, WARM_UP_S, Stage
from readmit_load.slo import Limits
from readmit_load.verdict import Outcome, judge

SETTLE_S = 4.0
"""After a change of users in a search: what the users before left behind is gone then."""
TRIES = 2
"""How often a number of users has to miss before it has not held: a machine stumbles now and then."""
PRESENT = 0.9
"""The share of the users that must be there: a process of the generator may have died with some of them."""
SCENARIO_PATIENCE_S = 300.0
AFTER_SCENARIO_S = 5.0
LATE_S = PATIENCE_S + 2.0
"""The load goes on for so long after it was measured: what was in the air then has been answered, or has failed."""

Clock = Callable[[], float]
Moment = tuple[int, float]
"""How many users there are to be, and how many of them may come within a second."""


class Recording(Protocol):
    """What measures; `readmit_load.recording.Recording` does."""

    outside: Counter[str]

    def begin(self) -> None:
        """Begin a window."""
        ...

    def tick(self) -> None:
        """Note the users that there are."""
        ...

    def window(self) -> Window:
        """Give what was seen since."""
        ...

    def end(self) -> None:
        """Count the failures since the window was given as outside of it."""
        ...


class Ended(NamedTuple):
    """What a course came to."""

    window: Window
    capacity: Capacity | None = None


def through_stages(
    stages: tuple[Stage, ...],
    recording: Recording,
    folder: Path,
    *,
    scenario: bool,
    clock: Clock = time.monotonic,
) -> Iterator[Moment | Ended]:
    """Go through the stages; with a scenario the last one lasts until that is over."""
    for number, stage in enumerate(stages):
        moment = (stage.users, float(stage.users) if stage.at_once else max(1.0, stage.users / RAMP_S))
        if number == 0:
            yield from _for(WARM_UP_S, moment, clock)
            recording.begin()
            (folder / MEASURING_FILE).touch()
        yield from _for(stage.seconds, moment, clock, recording)
    if scenario:
        last = clock() + SCENARIO_PATIENCE_S
        while not (folder / SCENARIO_FILE).exists() and clock() < last:
            yield moment
            recording.tick()
        yield from _for(AFTER_SCENARIO_S, moment, clock, recording)
    window = recording.window()
    yield from _for(LATE_S, moment, clock)
    recording.end()
    yield Ended(window)


def to_capacity(
    search: Search,
    recording: Recording,
    limits: Mapping[str, Limits],
    *,
    hold_s: float,
    clock: Clock = time.monotonic,
) -> Iterator[Moment | Ended]:
    """Try one number of users after the other; a trial of a starved generator has not held."""
    trials: list[Trial] = []
    best: Window | None = None
    while (users := search.users) is not None:
        moment = (users, max(1.0, users / RAMP_S))
        for _ in range(TRIES):
            yield from _for(SETTLE_S, moment, clock)
            recording.begin()
            recording.outside.clear()  # they belong to the users that were tried before
            yield from _for(hold_s, moment, clock, recording)
            trial = _tried(users, recording.window(), limits)
            trials.append(trial)
            if best is None or trial.held:
                best = trial.window
            if trial.held:
                break
        search.tell(held=trial.held, rate=sum(seen.rate for seen in trial.window.endpoints.values()))
    assert best is not None
    median = search.median()
    yield Ended(
        next((each.window for each in trials if each.users == median.users and each.held), best),
        Capacity(
            users=median.users,
            rate=median.rate,
            repeats=search.found,
            limited_by=_limit(search, trials),
            trials=trials,
        ),
    )


def _tried(users: int, window: Window, limits: Mapping[str, Limits]) -> Trial:
    there = sum(seen.asked for seen in window.endpoints.values()) / window.seconds
    missing = [f"{there:.0f} of {users} users were there"] if there < PRESENT * users else []
    verdict = judge(window.endpoints, limits, window.generator, outside={}, faults=missing)
    held = verdict.outcome is Outcome.PASS
    print(f"{users} users: {'held' if held else verdict.void or verdict.misses[0]}", flush=True)
    return Trial(users=users, held=held, misses=verdict.misses, void=verdict.void, window=window)


def _limit(search: Search, trials: list[Trial]) -> str:
    """Say what broke just above a figure; what broke further up has not decided it."""
    if search.open_ended:
        return "most"
    for found in search.found:
        above = [trial for trial in trials if not trial.held and trial.users > found.users]
        least = min((trial.users for trial in above), default=0)
        if any(trial.void for trial in above if trial.users == least):
            return "generator"
    return "slo"


def _for(seconds: float, moment: Moment, clock: Clock, recording: Recording | None = None) -> Iterator[Moment]:
    """Stay for some seconds from when the users are there."""
    yield moment
    until = clock() + seconds
    if recording is not None:
        recording.tick()
    while clock() < until:
        yield moment
        if recording is not None:
            recording.tick()
