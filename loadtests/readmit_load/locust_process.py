"""Run Locust as a program of its own, in its own environment."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCUST = ROOT / ".local" / "loadtests" / "bin" / "locust"
NICE = -10
_MISSED = 2
_WORKERS_S = 60
_END_S = 15.0
PATHS = (ROOT / "loadtests", ROOT / "packages" / "contracts" / "src")


@dataclass(frozen=True)
class Target:
    """Whom the users ask, with which key, and who else is there to be asked: options that name them."""

    urls: Sequence[str]
    key: str
    beside: Mapping[str, str] = field(default_factory=dict)


def command(target: Target, *, shape: str, out: Path, options: Mapping[str, str | int | float | None]) -> list[str]:
    """Return the command line; options that are None or empty are left to their defaults."""
    given = {"--shape": shape, "--out": str(out), **target.beside, **options}
    words = [str(LOCUST), "-f", str(ROOT / "loadtests" / "locustfile.py"), "--headless", "--only-summary"]
    words += ["--host", ",".join(target.urls), "--stop-timeout", "5", "--loglevel", "ERROR"]
    words += ["--expect-workers-max-wait", str(_WORKERS_S)]
    for name, value in given.items():
        if value not in (None, ""):
            words += [name, str(value)]
    return words


@contextmanager
def running(words: Sequence[str], environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the generator, and end it if it still runs when it is left.

    A session of its own, which Linux prefers to what it measures: its wait for a core would be told as the server's.
    Only root may ask for that; `circumstances.nice` of the report tells whether it was so.
    """
    with subprocess.Popen(words, env=environment, start_new_session=True) as locust:
        try:
            with suppress(OSError):  # not root, or a kernel that does not share out by session: the report tells
                os.setpriority(os.PRIO_PROCESS, locust.pid, NICE)
                Path(f"/proc/{locust.pid}/autogroup").write_text(str(NICE))
            yield locust
        finally:
            _end(locust)


def _end(locust: "subprocess.Popen[bytes]") -> None:
    if locust.poll() is None:
        locust.terminate()
    try:
        locust.wait(_END_S)
    except subprocess.TimeoutExpired:
        os.killpg(locust.pid, signal.SIGKILL)  # with its workers


def believed(code: int, *, measured: bool, reported: bool) -> int:
    """Return the exit code of a load test; 2 for one that was killed, or that has another end than it says.

    One that could not begin has not measured, and one that held has reported.
    """
    if code > 1 or (code == 1 and not measured) or (code == 0 and reported):
        return code
    print(f"FAIL: the load test ended with {code} and without a verdict", flush=True)
    return _MISSED


def environment(key: str, dataset: Path | None) -> dict[str, str]:
    """Return its environment; the access key goes by it, where other users of the machine do not see it."""
    values = os.environ | {
        "READMIT_ACCESS_KEY": key,
        "READMIT_COMMIT": _commit(),
        "PYTHONPATH": ":".join(map(str, PATHS)),
    }
    values.pop("READMIT_DATASET", None)
    return values | ({"READMIT_DATASET": str(dataset)} if dataset is not None and dataset.exists() else {})


def _commit() -> str:
    """Return the commit, with `-dirty` where files differ from it; those that load tests write do not count."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "--short", "HEAD")
    written = (":!loadtests/results", ":!loadtests/README.md")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", *written)
    return (commit or "unknown") + ("-dirty" if changed else "")
