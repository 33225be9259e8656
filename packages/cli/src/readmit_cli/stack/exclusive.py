"""Let one command at a time start or stop a stack."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from readmit_cli.stack.errors import StackError
from readmit_cli.stack.state_directory import StateDirectory


@contextmanager
def exclusively(state: StateDirectory) -> Iterator[None]:
    """Hold the stack's lock around the block; it ends with the process too. Raises StackError when it is held."""
    state.create()
    with state.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"Another command is starting or stopping {state.root}; wait for it.") from None
        yield
