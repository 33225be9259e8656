"""The server speaks HTTP/1.1 alone, and waits for the head of a request within limits of bytes and time."""

import asyncio
import gc
import time
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
from support.raw_http import AnswerMissing, Connection, request

WISHES = {
    "HTTP/2": {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAAAAIAAAAB"},
    "a websocket": {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"},
    "anything": {"connection": "upgrade", "upgrade": "anything/1"},
}
BODY = b"GET /smuggled HTTP/1.1\r\n\r\n"  # what a server that loses its place takes for a request


LONG = 16 * 1024 * 1024  # bytes; more than the buffers between server and client take


async def echo(request: Request) -> Response:
    """Answer with the path and the body."""
    return Response(request.url.path.encode() + b" " + await request.body())


async def names(request: Request) -> Response:
    """Answer with the names of the headers, once the body is there."""
    await request.body()
    return Response(" ".join(request.headers))


async def slow(_request: Request) -> Response:
    """Answer later."""
    await asyncio.sleep(0.6)
    return Response(b"slow")


async def long(_request: Request) -> Response:
    """Answer with more than is taken at once."""
    return Response(bytes(LONG))


APP = Starlette(
    routes=[
        Route("/names", names, methods=["POST"]),
        Route("/slow", slow),
        Route("/long", long),
        Route("/health", lambda _: Response(b"well")),
        Route("/{path:path}", echo, methods=["GET", "POST"]),
    ]
)


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


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_wish_with_the_last_request_of_a_connection_is_answered(version: str) -> None:
    """Who asks for the end of the connection in the same head would otherwise wait for ever."""
    wish = {"connection": "close, upgrade", "upgrade": "h2c"}
    sent = request("POST", "/last", wish, BODY).replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)
    async with serving() as port:
        assert await asyncio.to_thread(_ask, port, [sent], answers=2) == [b"/last " + BODY, b"nothing"]


async def test_thousands_of_wishes_in_one_go_are_answered_one_by_one() -> None:
    """Who repeats a wish within one packet must not exhaust the stack."""
    async with serving() as port:
        sent = request("GET", "/x", WISHES["anything"]) * 2_000
        assert await asyncio.to_thread(_ask, port, [sent], answers=2_000) == [b"/x "] * 2_000


async def test_a_trailer_is_no_header() -> None:
    """What stands in front of a server judges and changes headers; behind the body nobody looks for them."""
    head = request("POST", "/names", {"transfer-encoding": "chunked"})
    sent = head + b"1\r\nx\r\n0\r\nauthorization: Bearer x\r\n\r\n"
    async with serving() as port:
        assert await asyncio.to_thread(_ask, port, [sent], answers=1) == [b"host transfer-encoding"]


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


async def test_a_head_that_does_not_come_takes_no_answer_from_the_request_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request is whole, and may have had its effect."""
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.2)
    async with serving() as port:
        sent = request("GET", "/slow", {}) + b"GET /x HTT"
        assert await asyncio.to_thread(_ask, port, [sent], answers=2) == [b"slow", b"nothing"]


async def test_a_body_that_comes_behind_its_answer_does_not_keep_the_connection_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever comes ends the wait for the next request, and another wait has to begin."""
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.2)

    def ask(port: int) -> bool:
        with Connection(port, timeout_s=3.0) as connection:
            connection.send(request("GET", "/health", {"content-length": "5"}))
            answer = connection.answer()
            assert answer is not None
            assert answer.body == b"well"
            connection.send(b"x")
            return connection.answer() is None

    async with serving() as port:
        assert await asyncio.to_thread(ask, port)


async def test_who_takes_no_answer_does_not_keep_it_under_way_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many requests may be under way, and anybody may ask."""
    monkeypatch.setattr(http_protocol, "SENDING_S", 0.3)

    def read_late(port: int) -> None:
        with Connection(port, timeout_s=3.0) as connection:
            connection.send(request("GET", "/long", {}) * 2)
            time.sleep(1.0)
            with pytest.raises(AnswerMissing, match=f"of {LONG} bytes"):
                connection.answer()

    async with serving() as port:
        before = len(asyncio.all_tasks())
        await asyncio.to_thread(read_late, port)
        assert len(asyncio.all_tasks()) == before


async def test_who_takes_an_answer_in_time_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for who takes nothing in the end, not for a pause."""
    monkeypatch.setattr(http_protocol, "SENDING_S", 1.5)

    def read_late(port: int) -> int:
        with Connection(port, timeout_s=3.0) as connection:
            connection.send(request("GET", "/long", {"connection": "close"}))
            time.sleep(0.3)
            answer = connection.answer()
            return 0 if answer is None else len(answer.body)

    async with serving() as port:
        assert await asyncio.to_thread(read_late, port) == LONG


def _connections() -> list[object]:
    return [each for each in gc.get_objects() if issubclass(type(each), http_protocol.Http11Protocol)]


@pytest.mark.parametrize("ended_by", ["the client", "the server", "the limit for a head"])
async def test_a_connection_that_has_ended_is_gone_at_once(ended_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its objects must not hold each other: collecting those of some thousand stops every answer for 200 ms."""
    if ended_by == "the limit for a head":
        monkeypatch.setattr(http_protocol, "HEAD_S", 1.0)

    def asked(port: int) -> None:
        with Connection(port, timeout_s=5.0) as connection:
            headers = {"connection": "close"} if ended_by == "the server" else {}
            connection.send(request("POST", "/once", headers, BODY))
            assert connection.answer() is not None
            if ended_by == "the limit for a head":
                connection.send(b"GET")
            if ended_by != "the client":
                assert connection.answer() is None

    gc.collect()
    gc.disable()
    try:
        async with serving() as port:
            await asyncio.gather(*[asyncio.to_thread(asked, port) for _ in range(3)])
            ends = time.monotonic() + 5.0
            while (left := _connections()) and time.monotonic() < ends:
                await asyncio.sleep(0.05)
    finally:
        gc.enable()
    assert left == []
