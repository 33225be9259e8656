"""What is kept of a run, as JSON: the verdict and all that it rests on."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from readmit_load.capacity import Capacity
from readmit_load.figures import Window
from readmit_load.slo import Limits
from readmit_load.verdict import Verdict

RUN_FILE = "run.json"
HTML_FILE = "report.html"
MEASURING_FILE = "measuring"
SCENARIO_FILE = "scenario.json"


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to the system beside the load; `faults` say what of it did not come to its end."""

    facts: dict[str, object] = {}
    faults: list[str] = []


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """Where, when and on what it was measured; `nice` is how much the generator was preferred, from 0 to -20."""

    commit: str | None
    measured_at: str
    cores: int | None
    python: str
    system: str
    load_before: float
    nice: int

    @classmethod
    def now(cls) -> "Circumstances":
        """Look at this machine."""
        return cls(
            commit=os.environ.get("READMIT_COMMIT"),
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            cores=os.cpu_count(),
            python=platform.python_version(),
            system=platform.system(),
            load_before=round(os.getloadavg()[0], 2),
            nice=os.getpriority(os.PRIO_PROCESS, 0),
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run."""

    verdict: Verdict
    line: str
    shape: str
    api: str
    users: int
    replicas: int
    scenario: str | None
    circumstances: Circumstances
    window: Window
    limits: Mapping[str, Limits]
    failovers: int
    failures_outside: dict[str, int]
    unseen_scrapes: int
    errors: dict[str, int]
    played: Played | None = None
    capacity: Capacity | None = None

    def write(self, folder: Path) -> None:
        """Write it into the folder."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=1)
        (folder / RUN_FILE).write_bytes(text + b"\n")
