import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from readmit_contracts.reasons import Reason
from support.cohort import clean_row, cohort, write_frame
from support.small_fit import SMALL, prepare_fit
from trainer.fit_files import FRAME_FILE, FitRequest, write_request
from trainer.frame import FrameWriter
from trainer.progress import Progress, Round
from trainer.training_process import STDERR_FILE, ChildFailed, ChildLimits, _environment, run

ENDLESS = msgspec.structs.replace(SMALL, rounds_max=10_000, early_stopping_rounds=1000, learning_rate=0.001)

PARENT = """
import asyncio, sys
from pathlib import Path
from trainer.training_process import ChildLimits, run
tell = lambda progress: print(type(progress).__name__, flush=True)
asyncio.run(run("trainer.fit", Path(sys.argv[1]), limits=ChildLimits(), on_progress=tell))
"""


def _ignore(progress: Progress) -> None:
    """Look at no progress."""


async def _failure(folder: Path, limits: ChildLimits) -> ChildFailed:
    with pytest.raises(ChildFailed) as caught:
        await run("trainer.fit", folder, limits=limits, on_progress=_ignore)
    return caught.value


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_a_refusal_keeps_its_reason_on_the_way_to_the_parent(tmp_path: Path) -> None:
    """The job's record names what to do, not that a process ended with code 1."""
    write_frame(tmp_path / FRAME_FILE, {"train": cohort(50)})
    write_request(tmp_path, FitRequest(recipe=SMALL))
    failure = await _failure(tmp_path, ChildLimits())
    assert failure.reason is Reason.NO_VALIDATION_ROWS
    assert "ingest batches of validation" in failure.detail


async def test_a_child_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    """A hanging fit would hold its job's lease for ever."""
    began = time.monotonic()
    failure = await _failure(prepare_fit(tmp_path, recipe=ENDLESS), ChildLimits(wall_s=0.5))
    assert failure.reason is Reason.FIT_TIME_LIMIT
    assert time.monotonic() - began < 5
    assert _children(os.getpid()) == []


async def test_a_child_that_floods_its_output_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that nobody reads any more holds the pipe open behind the child's death, and the job would never end."""
    flood = tmp_path / "flood"
    flood.write_text("#!/bin/sh\nexec yes\n")
    flood.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(flood))
    async with asyncio.timeout(30):
        failure = await _failure(tmp_path, ChildLimits())
    assert failure.reason is Reason.FIT_FAILED
    assert _children(os.getpid()) == []


async def test_a_child_that_burns_too_much_cpu_is_ended(tmp_path: Path) -> None:
    """The kernel counts all threads, also those that hold no lock of Python's."""
    failure = await _failure(prepare_fit(tmp_path, recipe=ENDLESS), ChildLimits(cpu_s=1))
    assert failure.reason is Reason.FIT_TIME_LIMIT
    assert "CPU" in failure.detail


@pytest.mark.parametrize("limit", [2**28, 2**29], ids=["below its libraries", "below its rows"])
async def test_a_child_that_wants_too_much_memory_fails_alone(tmp_path: Path, limit: int) -> None:
    """Without the limit the kernel would choose whom to kill, and might choose the trainer."""
    row = clean_row(0, cohort(1)[0])
    with FrameWriter(tmp_path / FRAME_FILE) as writer:
        writer.add("train", ((1, number, *row[2:]) for number in range(100_000)))
    write_request(tmp_path, FitRequest(recipe=SMALL))
    failure = await _failure(tmp_path, ChildLimits(memory_bytes=limit))
    assert failure.reason is Reason.FIT_MEMORY_LIMIT


async def test_an_unexpected_error_names_its_place_and_keeps_its_text_to_the_log(tmp_path: Path) -> None:
    """An error's text may hold a row's value; the trace stays in the child's folder."""
    prepare_fit(tmp_path)
    (tmp_path / "request.json").write_bytes(b'{"recipe":"secret"}')
    failure = await _failure(tmp_path, ChildLimits())
    assert failure.reason is Reason.FIT_FAILED
    assert "ValidationError at fit_files.py" in failure.detail
    assert "Traceback" in (tmp_path / STDERR_FILE).read_text()


async def test_cancelling_the_wait_kills_the_child_first(tmp_path: Path) -> None:
    """A cancelled job, or a stopping trainer, must not leave a process that goes on burning the cores."""
    begun = asyncio.Event()

    def see(progress: Progress) -> None:
        if isinstance(progress, Round):
            begun.set()

    prepare_fit(tmp_path, recipe=ENDLESS)
    task = asyncio.create_task(run("trainer.fit", tmp_path, limits=ChildLimits(), on_progress=see))
    await begun.wait()
    assert len(_children(os.getpid())) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _children(os.getpid()) == []


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves no time to tell anybody: the closed pipe does."""
    prepare_fit(tmp_path, recipe=ENDLESS)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        while parent.stdout.readline().strip() != "Round":
            assert parent.poll() is None
        (child,) = _children(parent.pid)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + 10
    while not _is_gone(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


def test_a_child_gets_none_of_the_services_settings() -> None:
    """It needs neither the database nor the store, so it cannot leak their secrets."""
    kept = _environment({"PATH": "/bin", "READMIT_TRAINER_POSTGRES__PASSWORD": "secret", "AWS_SECRET_ACCESS_KEY": "x"})
    assert kept["PATH"] == "/bin"
    assert not any("READMIT" in name or "SECRET" in name for name in kept)
