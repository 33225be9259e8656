"""Start one program under the supervisor and wait until it works."""

import threading
import time

from readmit_cli.stack import readiness
from readmit_cli.stack.blueprint import Blueprint
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import is_free
from readmit_cli.stack.supervision import DOWN, Supervisor

# A program that is still ending at once after this long will not come up by waiting.
BACKOFF_PATIENCE_S = 6.0
LOG_TAIL_CHARACTERS = 1500


def require_free_ports(blueprint: Blueprint, name: str) -> None:
    """Raise StackError when another process listens where this program should."""
    for port_name in blueprint.parts[name].port_names:
        port = getattr(blueprint.ports, port_name)
        if not is_free(port):
            raise StackError(
                f"Port {port}, meant for {name}, is taken by another process. "
                f"Stop that, or set READMIT_PORT_{port_name.upper()} to a free port."
            )


def wait_until_ready(blueprint: Blueprint, supervisor: Supervisor, name: str, *, abandoned: threading.Event) -> None:
    """Wait until the program answers a real request and counts as started. Raises StackError with its log's end."""
    begun = time.monotonic()

    def why_hopeless() -> str | None:
        if abandoned.is_set():
            return "interrupted"
        program = supervisor.states()[name]
        given_up = program.state in DOWN and program.state != "EXITED"
        ends_at_once = program.state == "BACKOFF" and time.monotonic() - begun > BACKOFF_PATIENCE_S
        if not given_up and not ends_at_once:
            return None
        return f"{program.state}, {program.spawn_error or 'stopped'}\n{_log_tail(blueprint, name)}"

    part = blueprint.parts[name]

    def answers_and_stays() -> str | None:
        reason = part.probe()
        if reason is None and supervisor.states()[name].state != "RUNNING":
            return "it answers, but has not stayed up long enough to count as started"
        return reason

    try:
        readiness.wait(name, answers_and_stays, timeout_s=part.ready_within_s, why_hopeless=why_hopeless)
    except StackError as error:
        raise StackError(f"{error}\nIts log: {blueprint.state.log(name)}") from None


def _log_tail(blueprint: Blueprint, name: str) -> str:
    log = blueprint.state.log(name)
    return log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:] if log.exists() else "(it logged nothing)"
