"""A body is read in one go where it is there, and within a time limit where it is not."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from predictor.problems import ProblemKind, Refused
from predictor.request import BodyLimits, Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

Receive = Callable[[], Awaitable[Message]]

LIMITS = BodyLimits(max_bytes=4, read_s=0.3)
LEFT: Message = {"type": "http.disconnect"}


def _part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def _later(*messages: Message) -> Receive:
    """Give each message a moment after it is asked for, and then nothing any more."""
    left = list(messages)

    async def receive() -> Message:
        await asyncio.sleep(0.02 if left else 60)
        return left.pop(0)

    return receive


async def _read(receive: Receive) -> bytes:
    scope = {"method": "POST", "path": "/v1/predict", "headers": [(b"content-type", b"application/json")]}
    return await Request(scope, receive).body(LIMITS)


async def test_a_body_is_read_to_its_limit_whenever_it_comes() -> None:
    """The first part may be waited for, any other one, or none."""
    assert await _read(_later(_part(b"1", more=True), _part(b"", more=True), _part(b"234"))) == b"1234"


@pytest.mark.parametrize(
    ("receive", "kind"),
    [
        (_later(_part(b"123", more=True), _part(b"45")), ProblemKind.TOO_LARGE),
        (_later(), ProblemKind.TOO_SLOW),
        (_later(_part(b"1", more=True)), ProblemKind.TOO_SLOW),
    ],
    ids=["too large", "nothing comes", "half of it comes"],
)
async def test_a_body_beyond_its_limits_is_refused(receive: Receive, kind: ProblemKind) -> None:
    """Bytes and time are other people's."""
    with pytest.raises(Refused) as refused:
        await _read(receive)
    assert refused.value.kind is kind


async def test_a_caller_that_leaves_and_a_task_that_is_ended_are_told_apart() -> None:
    """One is a matter of course, the other is the end of the process."""
    with pytest.raises(ClientDisconnect):
        await _read(_later(_part(b"1", more=True), LEFT))
    reading = asyncio.create_task(_read(_later()))
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_what_is_awaited_for_the_body_may_have_a_time_limit_of_its_own() -> None:
    """Its end is a cancellation that only the one who set it can tell from ours."""

    async def receive() -> Message:
        try:
            async with asyncio.timeout(0.02):
                await asyncio.sleep(60)
        except TimeoutError:
            return _part(b"1234")
        raise AssertionError

    assert await _read(receive) == b"1234"
