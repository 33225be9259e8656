"""Run a command in a pseudo terminal, and read what is on its screen."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

SEEN_WITHIN_S = 60.0
READ_BYTES = 65_536

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_HOME = "\x1b[H"  # what a screen drawn anew begins with


class TerminalProcess:
    """A process whose terminal has 80 columns; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self.written = ""

    @classmethod
    @asynccontextmanager
    async def start(cls, *arguments: str, env: dict[str, str], rows: int = 60) -> AsyncIterator[Self]:
        """Start a process for the length of the block; one that is left at its end is killed."""
        terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
        os.set_blocking(terminal, False)
        process = await asyncio.create_subprocess_exec(
            *arguments, env={**env, "TERM": "xterm"}, stdin=inner, stdout=inner, stderr=inner
        )
        os.close(inner)
        started = cls(process, terminal)
        asyncio.get_running_loop().add_reader(terminal, started._read)
        try:
            yield started
        finally:
            asyncio.get_running_loop().remove_reader(terminal)
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(terminal)

    @property
    def screen(self) -> str:
        """What was drawn last."""
        return _CONTROL.sub("", self.written.rpartition(_HOME)[2])

    async def shows(self, expected: Callable[[str], bool]) -> str:
        """Return the screen once it is as expected; raises AssertionError with the last one when it is not."""
        try:
            async with asyncio.timeout(SEEN_WITHIN_S):
                while not expected(self.screen):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the screen is not as expected:\n{self.screen}") from None
        return self.screen

    async def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        return await self._end_by(signal.SIGINT)

    async def terminate(self) -> int:
        """Send SIGTERM, and return the exit code."""
        return await self._end_by(signal.SIGTERM)

    async def _end_by(self, number: signal.Signals) -> int:
        self._process.send_signal(number)
        async with asyncio.timeout(SEEN_WITHIN_S):
            return await self._process.wait()

    def _read(self) -> None:
        try:
            self.written += os.read(self._terminal, READ_BYTES).decode(errors="replace")
        except OSError:  # Linux says so when the process has closed its end
            asyncio.get_running_loop().remove_reader(self._terminal)
