"""A service waits for what it cannot do without, says what that is, and goes on by itself."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from readmit_runtime.prerequisites import PrerequisiteMissing, Prerequisites
from structlog.testing import capture_logs

SOON_S = 0.005


class Doors:
    """Things that a service may need, each shut until it is opened."""

    def __init__(self, *names: str) -> None:
        self.shut = {name: f"no {name}" for name in names}

    def checks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Give a check of each."""
        return {name: lambda name=name: self._ask(name) for name in self.shut}

    async def _ask(self, name: str) -> None:
        if name in self.shut:
            raise PrerequisiteMissing(self.shut[name])


async def _let_look() -> None:
    await asyncio.sleep(20 * SOON_S)


async def test_work_begins_when_the_last_thing_is_there_and_ends_when_told_to() -> None:
    """Started before, it would end with an error, be started again, and end again."""
    doors, worked, beats, stop = Doors("schema", "bucket"), list[str](), list[int](), asyncio.Event()

    async def work(stop: asyncio.Event) -> None:
        worked.append("begun")
        await stop.wait()
        worked.append("ended")

    needed = Prerequisites(doors.checks(), beat=lambda: beats.append(1), every_s=SOON_S)
    running = [asyncio.create_task(loop(stop)) for loop in needed.before({"work": work}).values()]
    await _let_look()
    assert worked == []
    assert len(beats) > 2
    del doors.shut["schema"]
    await _let_look()
    assert worked == []
    del doors.shut["bucket"]
    await _let_look()
    assert worked == ["begun"]
    stop.set()
    await asyncio.gather(*running)
    assert worked == ["begun", "ended"]


async def test_a_stop_ends_the_wait_without_the_work() -> None:
    """A pod that never became ready has to end as well as any other."""
    worked, stop = list[str](), asyncio.Event()

    async def work(_stop: asyncio.Event) -> None:
        worked.append("begun")

    needed = Prerequisites(Doors("schema").checks(), beat=lambda: None, every_s=SOON_S)
    running = [asyncio.create_task(loop(stop)) for loop in needed.before({"work": work}).values()]
    await _let_look()
    stop.set()
    await asyncio.wait_for(asyncio.gather(*running), 1)
    assert worked == []


async def test_what_is_missing_is_logged_once_for_each_reason_and_told_by_readiness() -> None:
    """A line every two seconds would hide all other lines."""
    doors, stop = Doors("schema", "bucket"), asyncio.Event()
    needed = Prerequisites(doors.checks(), beat=lambda: None, every_s=SOON_S)
    ready = needed.readiness()
    with capture_logs() as lines:
        running = [asyncio.create_task(loop(stop)) for loop in needed.before({}).values()]
        await _let_look()
        doors.shut["schema"] = "another reason"
        del doors.shut["bucket"]
        await _let_look()
        with pytest.raises(PrerequisiteMissing, match="another reason"):
            await ready["schema"]()
        await ready["bucket"]()
        stop.set()
        await asyncio.gather(*running)
    told = [(line["prerequisite"], line["detail"].partition(": ")[2]) for line in lines]
    assert told == [("schema", "no schema"), ("bucket", "no bucket"), ("schema", "another reason")]


async def test_a_silent_server_neither_stops_the_heart_nor_holds_up_the_end() -> None:
    """Liveness would have the process killed while it waits, and a stop would run out of its time."""
    beats, stop = list[int](), asyncio.Event()

    async def silent() -> None:
        await asyncio.Event().wait()

    needed = Prerequisites(
        {"schema": silent, "bucket": silent}, beat=lambda: beats.append(1), every_s=SOON_S, check_s=SOON_S
    )
    running = [asyncio.create_task(loop(stop)) for loop in needed.before({}).values()]
    await _let_look()
    assert len(beats) > 3
    with pytest.raises(PrerequisiteMissing, match="no answer in"):
        await needed.readiness()["schema"]()
    stop.set()
    await asyncio.wait_for(asyncio.gather(*running), 1)


async def test_a_stop_does_not_wait_for_a_check_under_way() -> None:
    """The time from SIGTERM to the end is for the work in hand."""
    stop = asyncio.Event()

    async def silent() -> None:
        await asyncio.Event().wait()

    needed = Prerequisites({"schema": silent}, beat=lambda: None, check_s=60)
    running = [asyncio.create_task(loop(stop)) for loop in needed.before({}).values()]
    await _let_look()
    stop.set()
    await asyncio.wait_for(asyncio.gather(*running), 1)
