"""Run a piece of work as a child process: limited, ending with its parent, telling its progress.

The parent's half is `training_process.py`.
"""

import argparse
import os
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from readmit_contracts.reasons import Reason

from trainer.progress import Failed, Progress, Stage, encode_progress

EXIT_FAILED = 1
EXIT_ORPHANED = 3
SHORT_OF_MEMORY_BYTES = 16 * 2**20
CPU_GRACE_S = 5  # between SIGXCPU, which ends the process by default, and the kernel's SIGKILL


class WorkRefused(Exception):
    """The work cannot be done on this input: `reason` is the code, the text says what to do, without a row's value."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Reporter:
    """Writes progress to the parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._began = time.monotonic()
        self.stages: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        """Send one event."""
        os.write(self._descriptor, encode_progress(progress))

    def stage(self, name: str) -> None:
        """Say that a step is done, and keep when: seconds since the work began, in `stages`."""
        self.stages[name] = round(time.monotonic() - self._began, 3)
        self(Stage(name, self.stages[name]))


Work = Callable[[Path, Reporter], None]


def run_child(work: Work, arguments: Sequence[str] | None = None) -> int:
    """Do the work in the folder that the arguments name and return the process's exit code.

    Errors are told as a `Failed` event. An unexpected one is raised again: its trace, which may hold values, goes to
    standard error alone.
    """
    options = _parse(arguments)
    report = Reporter(_own_stdout())
    threading.Thread(target=_end_with_parent, args=(options.lifeline_fd,), daemon=True).start()
    try:
        _limit(options.memory_bytes, options.cpu_s)
        work(options.workdir, report)
    except WorkRefused as refused:
        report(Failed(refused.reason, refused.detail))
        return EXIT_FAILED
    except Exception as error:
        report(_failure(error))
        raise
    return 0


def memory_peak_bytes() -> int | None:
    """Return the most memory that this process ever held, None where the system does not say.

    Not `ru_maxrss`, which begins with what the parent held when it started the child.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (peak,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A child of the trainer; the trainer starts it.")
    parser.add_argument("workdir", type=Path, help="Folder with the input files; results are written there.")
    parser.add_argument("--lifeline-fd", type=int, required=True, help="Pipe whose end of file means: the parent died.")
    parser.add_argument("--memory-bytes", type=int, required=True, help="Address space at most, in bytes.")
    parser.add_argument("--cpu-s", type=int, required=True, help="CPU time of all threads at most, in seconds.")
    return parser.parse_args(arguments)


def _limit(memory_bytes: int, cpu_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + CPU_GRACE_S))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold rows


def _end_with_parent(lifeline: int) -> None:
    """Wait for the pipe's other end to close, which only the parent's death or will does, and end at once."""
    while os.read(lifeline, 1):
        pass
    os._exit(EXIT_ORPHANED)


def _own_stdout() -> int:
    """Keep standard output for progress, and send what libraries print there to standard error."""
    sys.stdout.flush()
    own = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _is_short_of_memory() -> bool:
    """Tell whether so little address space is left that any odd error may come from it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = Path("/proc/self/statm")
    if limit == resource.RLIM_INFINITY or not used.exists():
        return False
    return int(used.read_text().split()[0]) * resource.getpagesize() > limit - SHORT_OF_MEMORY_BYTES


def _failure(error: Exception) -> Failed:
    if isinstance(error, MemoryError) or "bad_alloc" in str(error) or _is_short_of_memory():
        return Failed(Reason.FIT_MEMORY_LIMIT, "The child ran out of memory; raise its limit or train on fewer rows.")
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return Failed(Reason.FIT_FAILED, f"{type(error).__name__} at {where}; the child's standard error has the trace.")
