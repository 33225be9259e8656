"""Tests of looking at processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from readmit_cli.stack.processes import STACK_VARIABLE, is_alive, orphans, stop_orphans, wait_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphans are found in /proc")


@pytest.fixture
def sleeper(tmp_path):
    """Give a process as a supervisor of `tmp_path` would have started it."""
    with subprocess.Popen(["sleep", "60"], env=os.environ | {STACK_VARIABLE: str(tmp_path)}) as process:
        while not Path(f"/proc/{process.pid}/environ").read_bytes():
            pass  # Popen returns a moment before the kernel shows the variables
        yield process
        process.kill()


def test_what_a_stack_started_is_found(sleeper, tmp_path):
    """After the supervisor's death nothing else tells whose a process is."""
    assert orphans(tmp_path) == [sleeper.pid]


@pytest.mark.usefixtures("sleeper")
def test_what_another_stack_started_is_not_touched(tmp_path):
    """A name that begins alike is another stack."""
    assert stop_orphans(tmp_path.parent) == []
    assert stop_orphans(tmp_path / "x") == []


def test_orphans_are_ended(sleeper, tmp_path):
    """They hold the ports and the data folders of the next start."""
    assert stop_orphans(tmp_path) == [sleeper.pid]
    assert sleeper.wait(5) < 0


def test_a_process_that_nobody_reaped_has_ended(sleeper):
    """In a container without an init a dead supervisor stays listed for ever."""
    assert is_alive(sleeper.pid)
    sleeper.kill()
    assert wait_gone([sleeper.pid], timeout_s=5)


def test_waiting_for_a_process_that_lives_ends_in_time(sleeper):
    """`down` must come back."""
    assert not wait_gone([sleeper.pid], timeout_s=0.1)
