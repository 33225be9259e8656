"""Tell whoever waits what is going on."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol


class Progress(Protocol):
    """Hears of each step as it begins and ends; called from several threads."""

    def started(self, step: str) -> None:
        """Hear that a step began."""

    def finished(self, step: str, seconds: float, *, note: str) -> None:
        """Hear that a step is done; `note` says what was special about it, mostly nothing."""

    def failed(self, step: str, seconds: float) -> None:
        """Hear that a step failed; the error itself is raised to the caller."""


class Silent:
    """Says nothing: for tests and for `--json`."""

    def started(self, step: str) -> None:
        """Say nothing."""

    def finished(self, step: str, seconds: float, *, note: str) -> None:
        """Say nothing."""

    def failed(self, step: str, seconds: float) -> None:
        """Say nothing."""


@dataclass
class Note:
    """What a running step wants said when it is done."""

    step: str
    text: str = ""


@contextmanager
def step(progress: Progress, name: str) -> Iterator[Note]:
    """Report a step around the block, with its seconds."""
    begun = time.monotonic()
    note = Note(name)
    progress.started(name)
    try:
        yield note
    except BaseException:
        progress.failed(name, time.monotonic() - begun)
        raise
    progress.finished(name, time.monotonic() - begun, note=note.text)


def together(
    progress: Progress, steps: Mapping[str, Callable[[Note], None]], *, abandoned: threading.Event | None = None
) -> None:
    """Run steps side by side and report each; wait for all of them, then raise the first one's error if any failed.

    When the waiting itself is interrupted, `abandoned` is set, so that the steps can end early.
    """

    def run(name: str) -> None:
        with step(progress, name) as note:
            steps[name](note)

    with ThreadPoolExecutor(max_workers=max(len(steps), 1)) as pool:
        running = [pool.submit(run, name) for name in steps]
        try:
            wait(running)
        except BaseException:
            if abandoned is not None:
                abandoned.set()
            raise
    for done in running:
        done.result()
