"""A process stops when asked, within one budget, and its exit code says how it ended."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
from readmit_runtime.lifecycle import (
    EXIT_CRASH,
    EXIT_OK,
    LoopEnded,
    ShutdownOverrun,
    pause,
    run,
    run_loops,
)
from structlog.testing import capture_logs

ENDLESS_S = 30.0
BUDGET_S = 5.0


async def until_stopped(stop: asyncio.Event) -> None:
    """Be a loop without work."""
    await stop.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_asks_main_to_stop_and_the_exit_code_is_0(number: signal.Signals) -> None:
    """Supervisors take any other code for a crash, and start the process again."""
    finished = []

    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        await stop.wait()
        finished.append("in hand")

    assert run(main, shutdown_s=BUDGET_S) == EXIT_OK
    assert finished == ["in hand"]


def test_an_error_of_main_gives_exit_code_1_and_one_clear_line() -> None:
    """A crash must be findable by one log query, whatever raised it."""

    async def main(_stop: asyncio.Event) -> None:
        raise ShutdownOverrun("a sentence of ours")

    with capture_logs() as logs:
        assert run(main, shutdown_s=BUDGET_S) == EXIT_CRASH
    (line,) = [entry for entry in logs if entry["event"] == "process_ended"]
    assert line["outcome"] == "failed"
    assert line["error"] == "readmit_runtime.lifecycle.ShutdownOverrun: a sentence of ours"
    assert any("test_lifecycle" in frame for frame in line["frames"])


def test_main_is_cancelled_when_the_budget_is_used_up() -> None:
    """Past the budget the supervisor kills: better to end by ourselves and say so."""

    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        await asyncio.sleep(ENDLESS_S)

    started = time.monotonic()
    assert run(main, shutdown_s=0.05) == EXIT_CRASH
    assert time.monotonic() - started < BUDGET_S


def test_a_second_signal_ends_main_at_once() -> None:
    """A person who presses Ctrl-C twice does not want to wait for the budget."""

    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(ENDLESS_S)

    started = time.monotonic()
    assert run(main, shutdown_s=ENDLESS_S) == EXIT_CRASH
    assert time.monotonic() - started < BUDGET_S


def test_a_thread_that_never_ends_does_not_hold_the_process() -> None:
    """Closing an event loop waits for its threads: a hung upload would outlast every budget."""
    program = (
        "import asyncio, os, signal, time\n"
        "from readmit_runtime.lifecycle import run\n"
        "async def main(stop):\n"
        "    hung = asyncio.create_task(asyncio.to_thread(time.sleep, 60))\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await stop.wait()\n"
        "raise SystemExit(run(main, shutdown_s=0.1))\n"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == EXIT_CRASH
    assert "killed after its shutdown budget" in done.stdout + done.stderr
    assert time.monotonic() - started < 20


def test_errors_of_forgotten_tasks_are_logged_without_their_text() -> None:
    """asyncio's own handler prints the text of such an error, and it may hold a row's value."""

    async def forgotten() -> None:
        raise ValueError("canary-7f3a")

    async def main(_stop: asyncio.Event) -> None:
        task = asyncio.create_task(forgotten())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task

    with capture_logs() as logs:
        assert run(main, shutdown_s=BUDGET_S) == EXIT_OK
    assert [entry["error"] for entry in logs if entry["event"] == "stray_error"] == ["ValueError"]
    assert "canary-7f3a" not in str(logs)


async def test_all_loops_end_when_the_stop_comes() -> None:
    """Each loop finishes what it has in hand; none is cut off while there is time."""
    stop = asyncio.Event()
    finished: list[str] = []

    async def work(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(0.01)
        finished.append("work")

    running = asyncio.create_task(run_loops({"a": work, "b": work}, stop, shutdown_s=BUDGET_S))
    await asyncio.sleep(0)
    stop.set()
    await running

    assert finished == ["work", "work"]


async def test_a_loop_that_fails_stops_the_others_in_order_and_is_raised() -> None:
    """Half a service is worse than none: it looks alive and does nothing."""
    finished: list[str] = []

    async def fail(_stop: asyncio.Event) -> None:
        raise LookupError("gone")

    async def work(stop: asyncio.Event) -> None:
        await stop.wait()
        finished.append("work")

    with pytest.raises(LookupError, match="gone"):
        await run_loops({"fail": fail, "work": work}, asyncio.Event(), shutdown_s=BUDGET_S)
    assert finished == ["work"]


async def test_a_loop_that_returns_unasked_is_a_failure() -> None:
    """A consumer that quietly stopped consuming must not pass for a healthy one."""

    async def leave(_stop: asyncio.Event) -> None:
        return

    with pytest.raises(LoopEnded, match="leave"):
        await run_loops({"leave": leave, "stay": until_stopped}, asyncio.Event(), shutdown_s=BUDGET_S)


async def test_a_loop_that_is_cancelled_from_within_is_a_failure() -> None:
    """A library that cancels its caller would otherwise leave the service waiting for ever."""

    async def cancelled(_stop: asyncio.Event) -> None:
        raise asyncio.CancelledError

    with pytest.raises(LoopEnded, match="cancelled from within"):
        await run_loops({"cancelled": cancelled}, asyncio.Event(), shutdown_s=BUDGET_S)


async def test_loops_that_outlast_their_share_are_cancelled_and_named() -> None:
    """The rest of the budget belongs to closing clients; the name tells where to look."""
    stop = asyncio.Event()
    stop.set()
    cancelled: list[str] = []

    async def late(_stop: asyncio.Event) -> None:
        try:
            await asyncio.sleep(ENDLESS_S)
        except asyncio.CancelledError:
            cancelled.append("late")
            raise

    with pytest.raises(ShutdownOverrun, match="late"):
        await run_loops({"late": late, "good": until_stopped}, stop, shutdown_s=0.05)
    assert cancelled == ["late"]


async def test_a_pause_ends_with_its_event_or_its_time() -> None:
    """Loops must neither oversleep a stop nor spin."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, event.set)
    started = time.monotonic()
    await pause(ENDLESS_S, asyncio.Event(), event)
    await pause(0.01, asyncio.Event())
    assert 0.01 <= time.monotonic() - started < BUDGET_S
