"""Let a child try a bundle first: started fresh, within limits, and believed in one short line only."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Protocol

import msgspec
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.reasons import Reason
from readmit_runtime.errors import Transient
from readmit_runtime.logs import describe

from predictor.promoted_bundle import PromotedBundle
from predictor.settings import TrialSettings
from predictor.trial import EXIT_REFUSED, Verdict

MODULE = ("-I", "-m", "predictor.trial")
ANSWER_MAX_BYTES = 4_096
PIECE_BYTES = 256 * 1024
NICENESS = 10  # what answers comes first
END_S = 5.0  # for a child that was killed to be gone

_CONSIDERATE = MappingProxyType(
    # address space held in reserve counts against the memory limit, and threads would only wait for each other
    {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
)
_INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "VIRTUAL_ENV")
REFUSALS = frozenset(
    (
        Reason.BUNDLE_INVALID,
        Reason.BUNDLE_MISSING,
        Reason.BUNDLE_SHA256,
        Reason.FEATURE_VERSION,
        Reason.GOLDEN_MISMATCH,
    )
)


class TrialUnfinished(Transient):
    """A trial came to no end for want of time, memory or processes on this machine: it may be repeated."""


class Trial(Protocol):
    """Finds out whether a bundle can be loaded, without risk for this process."""

    async def check(self, bundle: PromotedBundle) -> None:
        """Return when it can; raises BundleInvalid, and TrialUnfinished when it cannot be told now."""
        ...


class TrialProcess:
    """A Trial by a child process for each bundle. When the awaiting task is cancelled, the child is killed."""

    def __init__(self, settings: TrialSettings, *, module: Sequence[str] = MODULE) -> None:
        """Take the child's limits; `module` are the interpreter's arguments that start it."""
        self._settings = settings
        self._module = module

    async def check(self, bundle: PromotedBundle) -> None:
        """Return when the bundle can be loaded; raises BundleInvalid, TrialUnfinished."""
        data = await asyncio.to_thread(bundle.encode)
        try:
            async with asyncio.timeout(self._settings.wall_s):
                answer, code = await self._ask(data)
        except TimeoutError:
            raise TrialUnfinished(f"The trial took longer than {self._settings.wall_s:g} s; it is repeated.") from None
        except OSError as error:
            raise TrialUnfinished(f"The trial cannot be started: {describe(error)}; it is repeated.") from error
        self._judge(answer, code)

    async def _ask(self, data: bytes) -> tuple[bytes, int]:
        async with self._started() as process:
            feeding = asyncio.create_task(_feed(process, data), name="feed a trial")
            try:
                answer = await _read_answer(process)
                if len(answer) > ANSWER_MAX_BYTES:
                    raise _spoiled(f"said more than {ANSWER_MAX_BYTES} bytes")
                return answer, await process.wait()
            finally:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[asyncio.subprocess.Process]:
        limits = ("--memory-bytes", str(self._settings.memory_bytes), "--cpu-s", str(self._settings.cpu_s))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *self._module, *limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env={name: os.environ[name] for name in _INHERITED if name in os.environ} | _CONSIDERATE,
            start_new_session=True,
        )
        try:
            with suppress(ProcessLookupError):  # it may have ended already
                os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
            yield process
        finally:
            await _end(process)

    def _judge(self, answer: bytes, code: int) -> None:
        if code == -signal.SIGKILL:
            raise TrialUnfinished("The trial was killed from outside; the machine may lack memory. It is repeated.")
        if code == -signal.SIGXCPU:
            raise _spoiled(f"used more than {self._settings.cpu_s} s of CPU time")
        if code not in (0, EXIT_REFUSED):
            raise _spoiled(f"ended by {_signal(-code)}" if code < 0 else f"ended with exit code {code}")
        try:
            verdict = msgspec.json.decode(answer, type=Verdict)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _spoiled("ended without an answer that can be read") from None
        if (code, verdict.reason) == (0, None):
            return
        if code == 0 or verdict.reason not in REFUSALS:
            raise _spoiled("ended with an answer that contradicts itself")
        raise BundleInvalid(verdict.reason, verdict.detail)


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        return
    with suppress(ConnectionError):  # a child that ended before it read all says why by its exit code
        for at in range(0, len(data), PIECE_BYTES):
            process.stdin.write(data[at : at + PIECE_BYTES])
            await process.stdin.drain()
        process.stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # with whatever it started, which may keep its output open
    with suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            # what is left unread would hide the end of the child from the loop
            while process.stdout is not None and await process.stdout.read(PIECE_BYTES):
                pass
            await process.wait()


async def _read_answer(process: asyncio.subprocess.Process) -> bytes:
    """Return all that the child says, or as much as is too much."""
    if process.stdout is None:
        return b""
    try:
        return await process.stdout.readexactly(ANSWER_MAX_BYTES + 1)
    except asyncio.IncompleteReadError as end:
        return end.partial


def _spoiled(how: str) -> BundleInvalid:
    return BundleInvalid(Reason.BUNDLE_INVALID, f"The process that tried the bundle {how}; train again.")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
