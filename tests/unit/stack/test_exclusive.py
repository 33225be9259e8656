"""Tests of the lock around starting and stopping."""

import pytest
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.exclusive import exclusively
from readmit_cli.stack.state_directory import StateDirectory


def test_a_second_command_is_refused_while_the_first_is_at_work(tmp_path):
    """Two starts at once would format one data folder twice."""
    state = StateDirectory(tmp_path / "state")
    with exclusively(state), pytest.raises(StackError, match="Another command"), exclusively(state):
        pass


def test_the_lock_is_free_after_a_failure(tmp_path):
    """A failed start must not forbid the next one."""
    state = StateDirectory(tmp_path / "state")
    with pytest.raises(ValueError, match="no"), exclusively(state):
        raise ValueError("no")
    with exclusively(state):
        pass
