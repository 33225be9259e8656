"""Look at processes without owning them."""

import os
import signal
import time
from collections.abc import Collection, Sequence
from pathlib import Path

# In the environment of everything a supervisor of ours starts; this alone proves that a process belongs to a stack.
STACK_VARIABLE = "READMIT_STACK"

# Signals, each with the seconds to wait for its effect.
# Postgres takes TERM as "when the last client has left" and INT as "now, in good order".
IN_GOOD_ORDER = ((signal.SIGTERM, 10.0), (signal.SIGINT, 10.0), (signal.SIGKILL, 5.0))
AT_ONCE = ((signal.SIGKILL, 5.0),)


def is_alive(pid: int) -> bool:
    """Say whether a process exists and has not ended; one that nobody has reaped yet has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] not in ("Z", "X")
    except OSError:
        return not Path("/proc/self").exists()


def orphans(state: Path) -> list[int]:
    """Find what a stack's supervisor started and left behind by dying itself.

    Reads /proc; on a system without it the answer is empty, and a port that is taken tells of the orphan.
    """
    marker = f"{STACK_VARIABLE}={state}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if marker in variables and is_alive(int(folder.name)):
            found.append(int(folder.name))
    return sorted(found)


def stop_orphans(state: Path, steps: Sequence[tuple[signal.Signals, float]] = IN_GOOD_ORDER) -> list[int]:
    """End what a dead supervisor left behind, by default in good order where it lets itself; answer what was found."""
    found = orphans(state)
    for number, patience_s in steps:
        left = orphans(state)
        for pid in left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        if wait_gone(left, timeout_s=patience_s):
            break
    return found


def wait_gone(pids: Collection[int], *, timeout_s: float) -> bool:
    """Wait until none of these processes lives; False when the time is over first."""
    deadline = time.monotonic() + timeout_s
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
