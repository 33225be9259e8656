"""Talk to the stack's supervisor through its socket."""

# mypy: untyped-calls-exclude=supervisor

import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Error, Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from readmit_cli.stack.errors import StackError
from readmit_cli.stack.processes import STACK_VARIABLE, is_alive
from readmit_cli.stack.state_directory import StateDirectory

LAUNCH_TIMEOUT_S = 15.0
POLL_S = 0.05

# The supervisor's own waiting would hold its one thread's answer back; here one waits by asking.
WITHOUT_WAITING = False

# Where a program stays unless it is started; everything else is on its way somewhere.
DOWN = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")


@dataclass(frozen=True)
class ProgramState:
    """What the supervisor knows of one program; `pid` is 0 while it does not run."""

    name: str
    state: str
    pid: int
    up_s: int
    spawn_error: str


class Supervisor:
    """The supervisord process of one state directory."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state

    def pid(self) -> int | None:
        """Answer the process id of the living supervisor, None if there is none."""
        try:
            with self._rpc() as supervisor:
                return int(supervisor.getPID())
        except (OSError, HTTPException, Error):
            return None

    def launch(self) -> None:
        """Start the supervisor in the background and wait until it answers. Raises StackError."""
        environment = os.environ | {STACK_VARIABLE: str(self._state.root)}
        # Without cached bytecode every start of every service would compile all of its imports.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._state.supervisor_configuration)]
        launched = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if launched.returncode != 0:
            raise StackError(f"The supervisor does not start: {launched.stdout[-500:]}{launched.stderr[-1500:]}")
        deadline = time.monotonic() + LAUNCH_TIMEOUT_S
        while self.pid() is None:
            if time.monotonic() > deadline:
                raise StackError(f"The supervisor does not answer; see {self._state.log('supervisord')}.")
            time.sleep(POLL_S)

    def reload(self) -> None:
        """Take over a rewritten configuration; a program whose section changed is stopped, to be started anew."""
        with self._rpc() as supervisor:
            added, changed, removed = supervisor.reloadConfig()[0]
        for name in (*changed, *removed):
            self.stop([name], timeout_s=90.0)
            with self._rpc() as supervisor:
                supervisor.removeProcessGroup(name)
        for name in (*added, *changed):
            with self._rpc() as supervisor:
                supervisor.addProcessGroup(name)

    def states(self) -> dict[str, ProgramState]:
        """Answer every program's state. Raises StackError when no supervisor answers."""
        try:
            with self._rpc() as supervisor:
                answers = supervisor.getAllProcessInfo()
        except (OSError, HTTPException, Error) as error:
            raise StackError("The stack is not running; `readmit up` starts it.") from error
        return {answer["name"]: _program_state(answer) for answer in answers}

    def start(self, name: str) -> None:
        """Start a program without waiting for it; one that runs already is left alone."""
        try:
            with self._rpc() as supervisor:
                supervisor.startProcess(name, WITHOUT_WAITING)
        except Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise StackError(f"{name} cannot be started: {fault.faultString}") from fault

    def stop(self, names: Collection[str], *, timeout_s: float) -> None:
        """Stop programs side by side and wait for their end. Raises StackError when the time is over first."""
        for name in names:
            try:
                with self._rpc() as supervisor:
                    supervisor.stopProcess(name, WITHOUT_WAITING)
            except Fault as fault:
                if fault.faultCode not in (Faults.NOT_RUNNING, Faults.BAD_NAME):
                    raise StackError(f"{name} cannot be stopped: {fault.faultString}") from fault
        deadline = time.monotonic() + timeout_s
        while still := [s for s in self.states().values() if s.name in names and s.state not in DOWN]:
            if time.monotonic() > deadline:
                raise StackError(f"{', '.join(s.name for s in still)} did not stop in {timeout_s:.0f} s.")
            time.sleep(POLL_S)

    def shut_down(self, *, timeout_s: float) -> None:
        """End the supervisor itself, with whatever still runs under it, and wait for its end. Raises StackError."""
        pid = self.pid()
        if pid is None:
            return
        with self._rpc() as supervisor:
            supervisor.shutdown()
        deadline = time.monotonic() + timeout_s
        while is_alive(pid):
            if time.monotonic() > deadline:
                raise StackError(f"The supervisor (process {pid}) did not end in {timeout_s:.0f} s.")
            time.sleep(POLL_S)

    @contextmanager
    def _rpc(self) -> Iterator[Any]:
        transport = SupervisorTransport(serverurl=f"unix://{self._state.supervisor_socket}")
        with ServerProxy("http://supervisor", transport=transport) as proxy:
            yield proxy.supervisor


def _program_state(answer: dict[str, Any]) -> ProgramState:
    running = answer["start"] > 0 and answer["pid"] > 0
    return ProgramState(
        name=answer["name"],
        state=answer["statename"],
        pid=answer["pid"],
        up_s=answer["now"] - answer["start"] if running else 0,
        spawn_error=answer["spawnerr"],
    )
