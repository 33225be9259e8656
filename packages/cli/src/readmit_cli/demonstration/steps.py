"""Time the steps of the demonstration, and show how far each is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from readmit_cli.stack import progress
from readmit_cli.stack.progress import Note


class View(progress.Progress, Protocol):
    """Shows steps to a person."""

    def going_on(self, step: str, said: str, *, completed: int | None = None, total: int | None = None) -> None:
        """Show how far a step is; with a total there is a bar."""
        ...


class Step:
    """A step that is going on."""

    def __init__(self, note: Note, view: View) -> None:
        self._note = note
        self._view = view

    def say(self, said: str, *, completed: int | None = None, total: int | None = None) -> None:
        """Show how far it is."""
        self._view.going_on(self._note.step, said, completed=completed, total=total)

    def conclude(self, text: str) -> None:
        """Set what is said of it when it is done."""
        self._note.text = text


class Steps:
    """Runs steps one after another; `seconds` holds what each of the finished ones took, in their order."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time the block as a step."""
        with progress.step(self, name) as note:
            yield Step(note, self._view)

    def started(self, step: str) -> None:
        """Pass it on."""
        self._view.started(step)

    def finished(self, step: str, seconds: float, *, note: str) -> None:
        """Keep the seconds."""
        self.seconds[step] = round(seconds, 1)
        self._view.finished(step, seconds, note=note)

    def failed(self, step: str, seconds: float) -> None:
        """Pass it on."""
        self._view.failed(step, seconds)
