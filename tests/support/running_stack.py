"""Use a whole running stack as a person does: by the `readmit` command, and by killing what runs."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from readmit_cli.stack.credentials import DATABASE_OWNER
from readmit_cli.stack.ports import LOOPBACK
from readmit_cli.stack.stack import Stack
from readmit_runtime.database import connect
from readmit_runtime.settings import PostgresSettings

POLL_S = 0.1
STOP_S = 60


class RunningStack:
    """A stack that is up."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def readmit(self, *arguments: str, expect: int = 0, timeout_s: float = 180) -> str:
        """Run `readmit` on this stack and give what it prints; fails on another exit code than expected."""
        environment = os.environ | {"READMIT_STATE": str(self.stack.state.root)}
        done = subprocess.run(
            [str(Path(sys.executable).with_name("readmit")), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        said = f"readmit {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert done.returncode == expect, said
        return done.stdout

    def finds(self, *arguments: str) -> Any:
        """Run `readmit ... --json` while parts may be down; give what it prints, None when it can't be had now."""
        try:
            return self.json(*arguments)
        except AssertionError:
            return None

    def json(self, *arguments: str, expect: int = 0) -> Any:
        """Run `readmit ... --json` and give what it prints, decoded."""
        return json.loads(self.readmit(*arguments, "--json", expect=expect))

    def query(self, statement: str, *values: Any, login: str = "readmit_reader") -> Any:
        """Give the one value that a query answers; the reader sees the status views alone."""
        return asyncio.run(self._value(login, statement, *values))

    def alter(self, statement: str) -> None:
        """Change the database by hand, as the owner of everything."""
        asyncio.run(self._value(DATABASE_OWNER, statement))

    async def _value(self, login: str, statement: str, *values: Any) -> Any:
        connection = await connect(PostgresSettings.model_validate(asdict(self.stack.database(login))))
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    def metrics(self, program: str) -> str:
        """Give what a service answers to a scrape."""
        url = f"http://{LOOPBACK}:{self.stack.addresses.service_port(program)}/metrics"
        return httpx.get(url, timeout=20).raise_for_status().text

    def pid(self, program: str) -> int:
        """Give the process id of a running program, 0 while it does not run."""
        return self.stack.supervisor.states()[program].pid

    @contextmanager
    def stopped(self, *programs: str) -> Iterator[None]:
        """Keep programs down for the block; afterwards everything works again."""
        self.stop(*programs)
        try:
            yield
        finally:
            self.start(*programs)

    def stop(self, *programs: str) -> None:
        """Stop programs in good order."""
        self.stack.supervisor.stop(programs, timeout_s=STOP_S)

    def start(self, *programs: str) -> None:
        """Start programs and wait until everything works."""
        for program in programs:
            self.stack.supervisor.start(program)
        self.stack.up(self.stack.wanted())

    def kill(self, program: str) -> None:
        """End a program by SIGKILL, which it can neither see nor delay; the supervisor starts it again."""
        pid = wait_for(lambda: self.pid(program), f"{program} runs")
        os.kill(pid, signal.SIGKILL)


def wait_for(condition: Callable[[], Any], what: str, *, timeout_s: float = 60) -> Any:
    """Give the condition's first true answer; fails after the time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(POLL_S)
    raise AssertionError(f"within {timeout_s:g} s it did not happen that {what}")
