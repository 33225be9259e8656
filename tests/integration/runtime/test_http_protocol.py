"""The server speaks HTTP/1.1 alone, and waits for the head of a request within limits of bytes and time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from readmit_runtime import http_protocol
from readmit_runtime.http import HttpServer
from readmit_runtime.settings import HttpSettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from support.raw_http import Connection, request

WISHES = {
    "HTTP/2": {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAAAAIAAAAB"},
    "a websocket": {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"},
    "anything": {"connection": "upgrade", "upgrade": "anything/1"},
}
BODY = b"GET /smuggled HTTP/1.1\r\n\r\n"  # what a server that loses its place takes for a request


async def echo(request: Request) -> Response:
    """Answer with the path and the body."""
    return Response(request.url.path.encode() + b" " + await request.body())


APP = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """Serve on a free port, and give it."""
    stop = asyncio.Event()
    server = HttpServer(APP, HttpSettings(port=0), drain_s=1.0)
    running = asyncio.create_task(server.run(stop))
    try:
        await server.listening.wait()
        yield server.port
    finally:
        stop.set()
        await running


def _ask(port: int, parts: list[bytes], *, answers: int) -> list[bytes]:
    with Connection(port, timeout_s=3.0) as connection:
        for part in parts:
            connection.send(part)
        found = [connection.answer() for _ in range(answers)]
    return [b"nothing" if answer is None else answer.body for answer in found]


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("framing", ["a length", "chunks", "a length, in two parts", "chunks, byte by byte"])
async def test_a_wish_for_another_protocol_is_ignored_and_the_body_belongs_to_its_request(
    wish: str, framing: str
) -> None:
    """Clients such as Java's wish for HTTP/2 with every request; a body that got lost would be the next request."""
    headers = WISHES[wish] | ({"transfer-encoding": "chunked"} if "chunks" in framing else {})
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY) if "chunks" in framing else BODY
    sent = (
        request("POST", "/first", headers, body) if "length" in framing else request("POST", "/first", headers) + body
    )
    sent += request("GET", "/second", WISHES[wish]) + request("GET", "/third", {})
    parts = [sent]
    if "parts" in framing:
        parts = [sent[: sent.index(BODY)], sent[sent.index(BODY) :]]
    if "byte" in framing:
        parts = [sent[at : at + 1] for at in range(len(sent))]
    async with serving() as port:
        answers = await asyncio.to_thread(_ask, port, parts, answers=3)
    assert answers == [b"/first " + BODY, b"/second ", b"/third "]


async def test_thousands_of_wishes_in_one_go_are_answered_one_by_one() -> None:
    """Who repeats a wish within one packet must not exhaust the stack."""
    async with serving() as port:
        sent = request("GET", "/x", WISHES["anything"]) * 2_000
        assert await asyncio.to_thread(_ask, port, [sent], answers=2_000) == [b"/x "] * 2_000


async def test_a_tunnel_is_refused() -> None:
    """What comes behind such a request is no HTTP by the client's own word."""
    async with serving() as port:
        answers = await asyncio.to_thread(_ask, port, [request("CONNECT", "/x", {})], answers=2)
    assert answers == [b"Invalid HTTP request received.", b"nothing"]


@pytest.mark.parametrize(
    "begin", [b"", request("GET", "/first", {}), request("POST", "/first", {"transfer-encoding": "chunked"}) + b"0\r\n"]
)
async def test_a_head_that_does_not_end_is_cut_off_at_its_limit(begin: bytes) -> None:
    """It is kept in memory until it is whole, and whoever reaches the port may send one."""
    endless = begin + b"" if begin.endswith(b"0\r\n") else begin + b"GET /x HTTP/1.1\r\n"
    line = b"x-filling: " + b"a" * 1_000 + b"\r\n"

    def flood(port: int) -> tuple[bytes, int]:
        with Connection(port, timeout_s=3.0) as connection:
            connection.send(endless)
            sent = 0
            while sent < 100 * http_protocol.HEAD_BYTES and connection.send(line):
                sent += len(line)
            answers = []
            while (answer := connection.answer()) is not None:
                answers.append(answer.body)
            return answers[-1], sent

    async with serving() as port:
        last, sent = await asyncio.to_thread(flood, port)
    assert last == b"Invalid HTTP request received."
    assert sent < 100 * http_protocol.HEAD_BYTES


@pytest.mark.parametrize("begin", [b"", b"GET /x HTT", request("GET", "/first", {}) + b"GET /x HTT"])
async def test_a_head_that_does_not_come_is_not_waited_for(begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that never asks anything costs a descriptor, and there are only so many."""
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.3)

    def trickle(port: int) -> int:
        with Connection(port, timeout_s=3.0) as connection:
            connection.send(begin)
            answers = 0
            while connection.answer() is not None:
                answers += 1
            return answers

    async with serving() as port:
        assert await asyncio.to_thread(trickle, port) == begin.count(b"/first")


async def test_a_slow_answer_and_a_pause_between_two_requests_end_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit is for the head alone."""
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.2)
    sent = request("POST", "/x", {}, b"abc")
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            for part in (sent[:-1], sent[-1:]):
                writer.write(part)
                await asyncio.sleep(0.4)
            assert (await reader.readuntil(b"/x abc")).startswith(b"HTTP/1.1 200")
        writer.close()
