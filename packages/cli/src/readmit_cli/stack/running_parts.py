"""Check every part of a stack that was started, by asking it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from readmit_cli.stack import readiness
from readmit_cli.stack.prerequisites import Check
from readmit_cli.stack.processes import orphans
from readmit_cli.stack.programs import SERVICES
from readmit_cli.stack.stack import Stack
from readmit_cli.stack.supervision import ProgramState


def check_running_parts(stack: Stack) -> Iterator[Check]:
    """Check the supervisor and every part that the last `up` was asked for."""
    pid = stack.supervisor.pid()
    if pid is None:
        left = orphans(stack.state.root)
        if left:
            detail = f"was killed, and left {len(left)} processes running"
            yield Check("supervisor", "failed", detail, "readmit up, which ends them first, or readmit down")
        else:
            yield Check("supervisor", "off", "the stack is down", "readmit up")
        return
    yield Check("supervisor", "ok", f"process {pid}")
    states = stack.supervisor.states()
    names = [name for name in stack.wanted() if name in states]
    with ThreadPoolExecutor(max_workers=len(names) or 1) as pool:
        yield from pool.map(lambda name: _check(stack, states[name]), names)


def _check(stack: Stack, program: ProgramState) -> Check:
    part = stack.parts[program.name]
    logs = f"readmit logs {program.name}"
    if program.state not in ("RUNNING", "STARTING"):
        detail = f"{program.state} {program.spawn_error}".strip()
        return Check(program.name, "failed", detail, f"readmit up; if that does not help, {logs}")
    reason = part.probe()
    if reason is not None:
        return Check(program.name, "failed", f"runs, but does not answer: {reason}", logs)
    detail = f"{part.address}, process {program.pid}, up {program.up_s} s"
    if program.name in SERVICES:
        not_ready = readiness.http(f"{part.address}/health/ready")
        detail += f"; not ready: {not_ready}" if not_ready else ", ready"
    return Check(program.name, "ok", detail)
