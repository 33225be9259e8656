"""Run a process: signals ask it to stop, one budget bounds the stopping, its exit code says how it ended."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
import uvloop

from readmit_runtime.logs import error_fields

log = structlog.get_logger(__name__)

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Work that goes on until the event is set, then finishes what is in hand and returns."""

EXIT_OK = 0
EXIT_CRASH = 1
EXIT_STUCK = 70
"""A watchdog ended the process: it lived, but made no progress."""

LOOPS_SHARE = 0.8
"""Of the budget; what the loops leave is for closing clients."""
_CANCEL_GRACE_S = 2.0


class LoopEnded(Exception):
    """A loop returned though nobody asked it to stop."""


class ShutdownOverrun(Exception):
    """Loops were still at work when their share of the shutdown budget was used up."""


def run(main: Loop, *, shutdown_s: float) -> int:
    """Run `main` until it returns, and return the process's exit code; errors are logged, not raised.

    SIGTERM and SIGINT set the event that `main` is given; from then on it has `shutdown_s` seconds to return before
    it is cancelled, and the process ends by force soon after that. A second signal cancels it at once.
    """
    guard = threading.Timer(shutdown_s + _CANCEL_GRACE_S, _end_by_force)
    guard.daemon = True
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_supervise(main, shutdown_s, guard))
    finally:
        guard.cancel()


async def run_loops(loops: Mapping[str, Loop], stop: asyncio.Event, *, shutdown_s: float) -> None:
    """Run named loops side by side until `stop` is set, then wait for each to finish what is in hand.

    A loop that fails, or returns unasked, sets `stop`, so that the others end in order; its error is raised at the
    end. Loops that outlast `LOOPS_SHARE` of `shutdown_s` are cancelled and named by ShutdownOverrun.
    """
    failures: list[Exception] = []
    tasks = [asyncio.create_task(_watch(name, loop, stop, failures), name=name) for name, loop in loops.items()]
    try:
        await stop.wait()
        _, late = await asyncio.wait(tasks, timeout=shutdown_s * LOOPS_SHARE)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if failures:
        raise failures[0]
    if late:
        names = ", ".join(sorted(task.get_name() for task in late))
        raise ShutdownOverrun(f"still at work after {shutdown_s * LOOPS_SHARE:g} s and cancelled: {names}")


async def pause(seconds: float, *events: asyncio.Event) -> None:
    """Wait so many seconds, or until one of the events is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _watch(name: str, loop: Loop, stop: asyncio.Event, failures: list[Exception]) -> None:
    try:
        await _until_asked(name, loop, stop)
    except Exception as error:
        log.exception("loop_failed", loop=name)
        failures.append(error)
        stop.set()
        raise


async def _until_asked(name: str, loop: Loop, stop: asyncio.Event) -> None:
    try:
        await loop(stop)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise LoopEnded(f"the loop {name} was cancelled from within") from None
    if not stop.is_set():
        raise LoopEnded(f"the loop {name} returned while the service was running")


async def _supervise(main: Loop, shutdown_s: float, guard: threading.Timer) -> int:
    stop = asyncio.Event()
    work = asyncio.create_task(_as_coroutine(main, stop), name="main")
    event_loop = asyncio.get_running_loop()
    event_loop.set_exception_handler(_log_stray_error)
    for number in (signal.SIGTERM, signal.SIGINT):
        event_loop.add_signal_handler(number, _on_signal, number, stop, work)
    asked = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
    guard.start()
    asked.cancel()
    _, late = await asyncio.wait({work}, timeout=shutdown_s)
    if late:
        log.error("shutdown_overran", shutdown_s=shutdown_s)
        work.cancel()
        await asyncio.wait({work})
    return _exit_code(work)


async def _as_coroutine(main: Loop, stop: asyncio.Event) -> None:
    await main(stop)


def _on_signal(number: signal.Signals, stop: asyncio.Event, work: "asyncio.Task[None]") -> None:
    if stop.is_set():
        log.warning("stopping_at_once", signal=number.name)
        work.cancel()
    else:
        log.info("stopping", signal=number.name)
        stop.set()


def _exit_code(work: "asyncio.Task[None]") -> int:
    if work.cancelled():
        log.error("process_ended", outcome="cancelled", exit_code=EXIT_CRASH)
        return EXIT_CRASH
    error = work.exception()
    if error is not None:
        log.error("process_ended", outcome="failed", exit_code=EXIT_CRASH, **error_fields(error))
        return EXIT_CRASH
    log.info("process_ended", outcome="stopped", exit_code=EXIT_OK)
    return EXIT_OK


def _log_stray_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # asyncio's own handler prints the error's text, and that may hold a value.
    error = context.get("exception")
    fields = error_fields(error) if isinstance(error, BaseException) else {}
    log.error("stray_error", what=str(context.get("message", "")), **fields)


def _end_by_force() -> None:
    log.error("process_ended", outcome="killed after its shutdown budget", exit_code=EXIT_CRASH)
    os._exit(EXIT_CRASH)
