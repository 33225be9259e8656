"""Tests of what is left of a test run that was killed."""

import os
import subprocess
import tempfile
from pathlib import Path

from readmit_cli.stack.processes import orphans
from readmit_cli.stack.programs import S3
from readmit_cli.stack.stack import Stack
from support.stack import PREFIX, end_abandoned_stacks, free_ports


def test_the_next_run_ends_what_a_killed_one_left():
    """A killed run cannot clean up, and its servers would hold memory until somebody looks."""
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{ended.pid}-"))
    stack = Stack(folder / "state", free_ports())
    stack.up([S3])
    end_abandoned_stacks()
    assert not folder.exists()
    assert orphans(stack.state.root) == []


def test_a_run_that_goes_on_is_left_alone():
    """Several runs share a machine."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    end_abandoned_stacks()
    assert folder.exists()
    folder.rmdir()
