"""Run servers beside each other, and read what a server and all its children take."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

STOP_S = 20.0
IDLE_LOOK_S = 0.1
IDLE_WAIT_S = 10.0


@dataclass(frozen=True)
class Server:
    """The first process of a server."""

    pid: int

    def ended(self) -> bool:
        """Return whether the first process is over, and only waited for."""
        return _stat(self.pid)[0] == "Z"

    def cpu_s(self) -> float:
        """Return the CPU time that its processes have taken, those that ended not counted."""
        ticks = 0
        for pid in self._tree():
            fields = _stat(pid)
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> dict[str, float]:
        """Return the resident memory of its processes, and the same with shared pages divided (Pss), in MiB."""
        kib = {"Rss": 0, "Pss": 0}
        for pid in self._tree():
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            fields = dict(line.split(":", 1) for line in lines)
            for name in kib:
                kib[name] += int(fields[name].split()[0])
        return {name: round(value / 1024, 1) for name, value in kib.items()}

    def wait_until_idle(self) -> None:
        """Wait until it has done what clients that are gone had asked for, so that nobody else is slowed down by it."""
        deadline = time.monotonic() + IDLE_WAIT_S
        before = self.cpu_s()
        while time.monotonic() < deadline:
            time.sleep(IDLE_LOOK_S)
            now = self.cpu_s()
            if now - before < IDLE_LOOK_S / 4:
                return
            before = now
        raise TimeoutError(f"process {self.pid} is still busy {IDLE_WAIT_S:.0f} s after the last request")

    def _tree(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(FileNotFoundError, ProcessLookupError):  # others come and go
                children.setdefault(int(_stat(int(path.name))[1]), []).append(int(path.name))
        tree = [self.pid]
        for pid in tree:
            tree.extend(children.get(pid, []))
        return tree


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@contextmanager
def serving(
    command: Sequence[str | Path], *, folder: Path, log: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run a server in a process group of its own; at the end the whole group is stopped."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield Server(process.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
