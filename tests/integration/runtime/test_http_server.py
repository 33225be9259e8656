"""The HTTP server is a loop like any other: it stops when asked and leaves signals alone."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from readmit_runtime.http import HttpServer, ServerFailed, health_app
from readmit_runtime.settings import HttpSettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

LIMIT_S = 10.0


@asynccontextmanager
async def serving(
    app: ASGIApp, *, keep_alive_s: int = 75
) -> AsyncIterator[tuple[str, asyncio.Event, "asyncio.Task[None]"]]:
    """Serve on a free port; give the address, the stop event and the running loop."""
    stop = asyncio.Event()
    server = HttpServer(app, HttpSettings(port=0, keep_alive_s=keep_alive_s), drain_s=2.0)
    running = asyncio.create_task(server.run(stop))
    async with asyncio.timeout(LIMIT_S):
        await server.listening.wait()
        try:
            yield f"http://127.0.0.1:{server.port}", stop, running
        finally:
            stop.set()
            await asyncio.gather(running, return_exceptions=True)


async def hello(_request: Request) -> Response:
    """Answer at once."""
    return PlainTextResponse("hello")


async def slow(_request: Request) -> Response:
    """Answer after the stop."""
    await asyncio.sleep(0.5)
    return PlainTextResponse("done")


async def echo(request: Request) -> Response:
    """Answer with the body."""
    return Response(await request.body())


async def empty(_request: Request) -> Response:
    """Answer without a body."""
    return Response(status_code=204)


APP = health_app(
    [
        Route("/hello", hello),
        Route("/slow", slow),
        Route("/echo", echo, methods=["POST"]),
        Route("/empty", empty),
    ]
)


async def test_the_server_answers_until_it_is_stopped() -> None:
    """Another replica takes the port over at once."""
    async with serving(APP) as (address, stop, running), httpx.AsyncClient() as client:
        assert (await client.get(f"{address}/hello")).text == "hello"
        stop.set()
        await running
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{address}/hello")


async def test_a_request_in_hand_is_answered_after_the_stop() -> None:
    """A rollout must not cost a single answer."""
    async with serving(APP) as (address, stop, running), httpx.AsyncClient() as client:
        asked = asyncio.create_task(client.get(f"{address}/slow"))
        await asyncio.sleep(0.1)
        stop.set()
        assert (await asked).text == "done"
        await running


@pytest.mark.parametrize(("keep_alive_s", "kept"), [(1, False), (2, True)])
async def test_an_idle_connection_is_kept_as_long_as_the_settings_say(keep_alive_s: int, kept: bool) -> None:
    """A gateway keeps connections for later; one that is closed under its hands costs a request."""
    async with serving(APP, keep_alive_s=keep_alive_s) as (address, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        for _ in range(2):
            writer.write(b"GET /hello HTTP/1.1\r\nhost: here\r\n\r\n")
            answered = await reader.read(1024)
            await asyncio.sleep(1.4)
        assert answered.endswith(b"hello") == kept
        writer.close()


async def test_a_caller_that_waits_for_the_go_ahead_gets_it() -> None:
    """curl asks for it before a long body; an answer that is sent in one piece must not swallow it."""
    async with serving(APP) as (address, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(b"POST /echo HTTP/1.1\r\nhost: here\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()


@pytest.mark.parametrize(("method", "path", "status"), [("HEAD", "/hello", 200), ("GET", "/empty", 204)])
async def test_an_answer_without_a_body_is_sent(method: str, path: str, status: int) -> None:
    """Nothing is written after its head, so the head must not wait for more."""
    async with serving(APP) as (address, _, _), httpx.AsyncClient(timeout=LIMIT_S / 2) as client:
        for _ in range(2):
            answer = await client.request(method, f"{address}{path}")
            assert (answer.status_code, answer.content) == (status, b"")


async def test_signals_stay_with_the_process() -> None:
    """A web server that takes SIGTERM away would end the other loops without notice."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    async with serving(APP) as (address, _, _), httpx.AsyncClient() as client:
        await client.get(f"{address}/hello")
        assert {number: signal.getsignal(number) for number in before} == before


async def test_a_taken_port_is_an_error_of_the_loop() -> None:
    """The process must end with a clear line, not with an exit from within a library."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = HttpServer(APP, HttpSettings(port=taken.getsockname()[1]))
        with pytest.raises(OSError, match="in use"):
            await server.run(asyncio.Event())


async def test_an_application_that_does_not_start_is_an_error_of_the_loop() -> None:
    """A service without its application must not pass for a running one."""

    class Broken:
        def __init__(self, _app: Starlette) -> None:
            pass

        async def __aenter__(self) -> None:
            raise LookupError("no model")

        async def __aexit__(self, *_error: object) -> None:
            pass

    server = HttpServer(Starlette(lifespan=Broken), HttpSettings(port=0))
    with pytest.raises(ServerFailed):
        await asyncio.wait_for(server.run(asyncio.Event()), LIMIT_S)
