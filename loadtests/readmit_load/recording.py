"""Keep what is seen of a run, on the process that has all figures: the master, or the only one there is."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import psutil

from readmit_load.figures import Generator, Window, figures_of
from readmit_load.server_side import ServerSide

ALONE, MASTER = "alone", "master"


class Spent(NamedTuple):
    """The clock and the CPU seconds of one process of the generator."""

    at: float
    cpu_s: float

    @classmethod
    def now(cls) -> "Spent":
        """Look at this process."""
        return cls(time.monotonic(), time.process_time())


class Recording:
    """Measures one window after the other; `endpoint_of` names the endpoint that a class of users asks."""

    def __init__(self, environment: Any, server: ServerSide, endpoint_of: Mapping[str, str]) -> None:
        self._environment = environment
        self._server = server
        self._endpoint_of = endpoint_of
        self.spent: dict[str, Spent] = {}
        self._heard_at: dict[str, float] = {}
        self._failovers: dict[str, int] = {}
        self._asked: Counter[str] = Counter()
        self._began = self._looked = 0.0
        self._users: dict[str, int] = {}
        self._before: tuple[dict[str, Spent], Any, Any] = ({}, None, None)
        self.outside: Counter[str] = Counter()
        """Failures that no window has, by endpoint."""
        self._failed: Counter[str] = Counter()

    @property
    def failovers(self) -> int:
        """Requests of all processes that were sent to a second replica."""
        return sum(self._failovers.values())

    def heard(self, process: str, spent: Spent, failovers: int) -> None:
        """Take what a process of the generator tells of itself."""
        self.spent[process] = spent
        self._heard_at[process] = time.monotonic()
        self._failovers[process] = failovers

    def silent(self, for_s: float) -> list[str]:
        """Return the processes of the generator that told nothing for so long: they died, and their users with them."""
        last = time.monotonic() - for_s
        return sorted(process for process, at in self._heard_at.items() if at < last)

    @property
    def unseen_scrapes(self) -> int:
        """How often a predictor could not be asked what it counted."""
        return self._server.missed

    def look_at_servers(self, every_s: float) -> None:
        """Add up what the predictors counted, so often that a killed one takes little of it along; never ends."""
        while True:
            self._server.look()
            time.sleep(every_s)  # Locust made it gevent's

    def begin(self) -> None:
        """Begin a window: what was counted so far is thrown away, but for its failures."""
        self._server.look()  # before the clock begins: a predictor may take its time to tell
        for name, entry in self._entries():
            self.outside[name] += entry.num_failures
        self._environment.stats.reset_all()
        self._users = dict(self._environment.runner.user_classes_count)
        self._before = (dict(self.spent), self._server.totals(), psutil.cpu_times())
        self._asked.clear()
        self._began = self._looked = time.monotonic()

    def tick(self) -> None:
        """Note how many users of each kind there were since the last time; they come and go evenly."""
        now, users = time.monotonic(), dict(self._environment.runner.user_classes_count)
        for user_class, count in users.items():
            mean = (count + self._users.get(user_class, count)) / 2
            self._asked[self._endpoint_of[user_class]] += mean * (now - self._looked)
        self._looked, self._users = now, users

    def window(self) -> Window:
        """Give what was seen since `begin`."""
        spent_before, server_before, machine_before = self._before
        seconds = time.monotonic() - self._began
        entries = dict(self._entries())
        endpoints = {}
        for name in sorted({*entries, *self._asked}):
            entry = entries.get(name)
            endpoints[name] = figures_of(
                dict(entry.response_times) if entry else {},
                requests=entry.num_requests if entry else 0,
                failures=entry.num_failures if entry else 0,
                asked=self._asked[name],
                seconds=seconds,
            )
        self._failed = Counter({name: entry.num_failures for name, entry in entries.items()})
        self._server.look()
        return Window(
            seconds=round(seconds, 1),
            endpoints=endpoints,
            generator=Generator(
                cpu_shares={
                    process: round((now.cpu_s - before.cpu_s) / max(now.at - before.at, 1e-9), 3)
                    for process, now in sorted(self.spent.items())
                    if (before := spent_before.get(process)) and now.at > before.at
                },
                **_shares(machine_before, psutil.cpu_times()),
            ),
            server=self._server.since(server_before),
        )

    def end(self) -> None:
        """Count the failures since the window was given as outside of it: those of requests that were in the air."""
        self.outside += Counter({name: entry.num_failures for name, entry in self._entries()}) - self._failed

    def errors(self) -> dict[str, int]:
        """Give what went wrong in the window, with how often."""
        errors = self._environment.stats.errors.values()
        return {f"{each.method} {each.name}: {each.error}": each.occurrences for each in errors}

    def _entries(self) -> list[tuple[str, Any]]:
        return [(f"{entry.method} {entry.name}", entry) for entry in self._environment.stats.entries.values()]


def _shares(before: Any, after: Any) -> dict[str, float | None]:
    """Return how busy the machine was, and what its host took; None where the system does not tell."""
    total = sum(after) - sum(before) if before else 0.0
    if not total:
        return {"machine_share": None, "stolen_share": None}
    stolen = after.steal - before.steal if hasattr(after, "steal") else None
    return {
        "machine_share": round(1 - (after.idle - before.idle) / total, 3),
        "stolen_share": None if stolen is None else round(stolen / total, 3),
    }
