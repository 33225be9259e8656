"""Start a child of the trainer, follow its progress and wait for its end, within limits."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from readmit_contracts.reasons import Reason

from trainer.progress import MAX_LINE_BYTES, Failed, Progress, decode_progress

STDERR_FILE = "stderr.log"
_CONSIDERATE = {
    # address space held in reserve counts against the memory limit: 2.7 GB without these, .9 GB with them
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
    # threads that spin while they wait for each other take minutes instead of seconds when the cores are busy
    "OMP_WAIT_POLICY": "PASSIVE",
}
_OUT_OF_MEMORY = (b"bad_alloc", b"MemoryError", b"Thread creation failed")  # what native code says before it aborts
_INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "VIRTUAL_ENV")

ChildModule = Literal["trainer.fit", "trainer.judge", "trainer.projection.mlflow_child"]
OnProgress = Callable[[Progress], None]


class ChildLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a child may use; past any of these it ends and the job fails."""

    memory_bytes: Annotated[int, Meta(ge=2**28, description="Address space, in bytes.")] = 2 * 2**30
    cpu_s: Annotated[int, Meta(ge=1, description="CPU time of all its threads, in seconds.")] = 600
    wall_s: Annotated[float, Meta(gt=0, description="Time from start to end, in seconds.")] = 900.0


class ChildFailed(Exception):
    """A child ended without its result: `reason` is the code, the text says what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class ChildKilled(ChildFailed):
    """Something outside ended the child, such as the kernel for want of memory: the same work may succeed later."""


async def run(
    module: ChildModule,
    workdir: Path,
    *,
    limits: ChildLimits,
    on_progress: OnProgress,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run the module as a child on `workdir` and return when it has ended well; its files lie there then.

    Raises ChildFailed for every other end. When the awaiting task is cancelled, the child is killed and waited for
    first. The child gets neither this process's environment nor its descriptors, but for what `environment` gives it.
    """
    async with _lifeline() as lifeline, _started(module, workdir, lifeline, limits, environment) as process:
        try:
            async with asyncio.timeout(limits.wall_s):
                failed = await _follow(process, on_progress)
                code = await process.wait()
        except TimeoutError:
            detail = f"The child ran longer than {limits.wall_s:g} s; raise the limit or train on fewer rows."
            raise ChildFailed(Reason.FIT_TIME_LIMIT, detail) from None
    if failed is not None:
        raise ChildFailed(failed.reason, failed.detail)
    if code != 0:
        raise _ended(code, limits, await asyncio.to_thread(_said_at_the_end, workdir / STDERR_FILE))


@asynccontextmanager
async def _lifeline() -> AsyncIterator[int]:
    """Give the reading end of a pipe whose writing end lives as long as this process, or this context."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


@asynccontextmanager
async def _started(
    module: ChildModule, workdir: Path, lifeline: int, limits: ChildLimits, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    options = ["--lifeline-fd", lifeline, "--memory-bytes", limits.memory_bytes, "--cpu-s", limits.cpu_s]
    with (workdir / STDERR_FILE).open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-m", module, str(workdir), *map(str, options)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            pass_fds=(lifeline,),
            cwd=workdir,
            env={**_environment(os.environ), **environment},
            limit=MAX_LINE_BYTES,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()  # output that nobody read would hold up its end


async def _follow(process: asyncio.subprocess.Process, on_progress: OnProgress) -> Failed | None:
    """Pass on every event until the child closes its output; return how it says it failed, if it does."""
    failed: Failed | None = None
    stdout = process.stdout
    while stdout is not None and (line := await _line(stdout)):
        event = _read(line)
        if isinstance(event, Failed):
            failed = event
        on_progress(event)
    return failed


async def _line(stdout: asyncio.StreamReader) -> bytes:
    try:
        return await stdout.readline()
    except ValueError as error:  # longer than the stream's limit
        raise _unreadable() from error


def _read(line: bytes) -> Progress:
    try:
        return decode_progress(line)
    except msgspec.DecodeError as error:
        raise _unreadable() from error


def _unreadable() -> ChildFailed:
    return ChildFailed(Reason.FIT_FAILED, "The child wrote a line that is no progress; both must be of one release.")


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Keep what finding libraries takes, and none of the service's secrets."""
    kept = {name: environment[name] for name in _INHERITED if name in environment}
    return {**kept, **_CONSIDERATE}


def _said_at_the_end(stderr: Path) -> bytes:
    return stderr.read_bytes()[-MAX_LINE_BYTES:]


def _ended(code: int, limits: ChildLimits, said: bytes) -> ChildFailed:
    if any(sign in said for sign in _OUT_OF_MEMORY):
        detail = f"The child needed more than {limits.memory_bytes} bytes; raise the limit or train on fewer rows."
        return ChildFailed(Reason.FIT_MEMORY_LIMIT, detail)
    if code == -signal.SIGXCPU:
        detail = f"The child used more than {limits.cpu_s} s of CPU time; raise the limit or train on fewer rows."
        return ChildFailed(Reason.FIT_TIME_LIMIT, detail)
    if code == -signal.SIGKILL:
        return ChildKilled(Reason.FIT_FAILED, "The child was killed from outside; the machine may lack memory for it.")
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    detail = f"The child ended {how} without a word of its own; look at the machine's log, then train again."
    return ChildFailed(Reason.FIT_FAILED, detail)
