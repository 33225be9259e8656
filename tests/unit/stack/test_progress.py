"""Tests of steps that run side by side."""

import threading

import pytest
from readmit_cli.stack.progress import Note, Silent, together


class Recorder(Silent):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, str]] = []

    def finished(self, step: str, seconds: float, *, note: str) -> None:
        """Keep the note."""
        self.ends.append((step, note))

    def failed(self, step: str, seconds: float) -> None:
        """Keep the failure."""
        self.ends.append((step, "failed"))


def test_steps_run_at_the_same_time():
    """Kafka, Postgres and S3 have no reason to wait for each other."""
    meeting = threading.Barrier(3, timeout=10)
    together(Silent(), dict.fromkeys("abc", lambda _note: meeting.wait()))


def test_a_failure_waits_for_the_other_steps():
    """Whoever is told of a failure may start again at once, and must not meet a step of the first attempt."""
    heard = Recorder()
    failed = threading.Event()

    def fail(_note: Note) -> None:
        failed.set()
        raise ValueError("no")

    def go_on(note: Note) -> None:
        failed.wait(10)
        note.text = "went on"

    with pytest.raises(ValueError, match="no"):
        together(heard, {"bad": fail, "good": go_on})
    assert sorted(heard.ends) == [("bad", "failed"), ("good", "went on")]


def test_no_step_is_no_error():
    """A stack without a service has an empty wave."""
    together(Silent(), {})


def test_an_interruption_tells_the_steps_to_end(monkeypatch):
    """Ctrl-C must not wait out the minutes that MLflow may take."""
    abandoned = threading.Event()

    def interrupted(_running: object) -> None:
        raise KeyboardInterrupt

    def slow(_note: Note) -> None:
        assert abandoned.wait(10)

    monkeypatch.setattr("readmit_cli.stack.progress.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        together(Silent(), {"slow": slow}, abandoned=abandoned)
