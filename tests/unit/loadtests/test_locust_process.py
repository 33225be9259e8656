"""The generator does not wait behind what it measures, and does not outlive who started it."""

import os
import sys
from pathlib import Path

import pytest
from readmit_load.locust_process import NICE, running

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_the_generator_has_a_session_of_its_own() -> None:
    """Linux shares cores out by session: in that of the stack it would have a part of the stack's share."""
    with running(SLEEP, os.environ) as locust:
        assert os.getsid(locust.pid) == locust.pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may prefer a process")
def test_the_generator_is_preferred_to_what_it_measures() -> None:
    """Time that it waits for a core would be told as the server's."""
    with running(SLEEP, os.environ) as locust:
        assert os.getpriority(os.PRIO_PROCESS, locust.pid) == NICE
        group = Path(f"/proc/{locust.pid}/autogroup")
        assert not group.exists() or group.read_text().split()[-1] == str(NICE)


def test_a_generator_is_ended_with_whoever_started_it() -> None:
    """After Ctrl-C, which no longer reaches another session, nothing goes on asking."""
    with pytest.raises(KeyboardInterrupt), running(SLEEP, os.environ) as locust:
        raise KeyboardInterrupt
    assert locust.returncode is not None


def test_its_exit_code_is_there_for_the_verdict() -> None:
    """To end it is no answer to how it ended."""
    with running([sys.executable, "-c", "raise SystemExit(3)"], os.environ) as locust:
        assert locust.wait(30) == 3
