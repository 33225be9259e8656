"""Give tests a stack of their own: free ports, a temporary state directory, nothing left behind."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import FREE_PORT_RANGE, Ports
from readmit_cli.stack.processes import is_alive
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.stack import Stack, recorded_ports
from readmit_cli.stack.state_directory import StateDirectory

# The folder's name carries the test run's process id; a folder whose run is dead was left by a killed one.
PREFIX = "readmit-tests-"


@contextmanager
def temporary_stack(*, s3: S3Server | None = None, checkout: Checkout | None = None) -> Iterator[Stack]:
    """Give a stack that is not started yet; afterwards it is stopped and its files are gone, whatever happened.

    `s3` is READMIT_S3 unless given, else MinIO; `checkout` is this one.
    """
    end_abandoned_stacks()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    # Postgres may run as another user than the tests.
    folder.chmod(0o755)
    stack = Stack(folder / "state", free_ports(), s3=s3, checkout=checkout)
    try:
        yield stack
    finally:
        stack.down()
        shutil.rmtree(folder)


def free_ports() -> Ports:
    """Give free ports that no other worker of this test run chooses: workers start their stacks at the same moment."""
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    return Ports.free(FREE_PORT_RANGE[int(worker.removeprefix("gw")) :: int(workers)])


def end_abandoned_stacks() -> None:
    """Stop the stacks of test runs that were killed, by their own supervisors, and remove their files."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        # Another run may be at the same work, therefore what has just gone is no error.
        with contextlib.suppress(FileNotFoundError, StackError):
            if folder.stat().st_uid == os.getuid() and owner.isdigit() and not is_alive(int(owner)):
                state = StateDirectory(folder / "state")
                Stack(state.root, recorded_ports(state) or Ports()).down()
                shutil.rmtree(folder, ignore_errors=True)
