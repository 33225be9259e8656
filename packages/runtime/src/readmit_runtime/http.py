"""Answer HTTP: health and metrics of every service, and any ASGI application, as a loop that obeys the stop event."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from readmit_runtime.http_protocol import Http11Protocol
from readmit_runtime.logs import describe
from readmit_runtime.settings import HttpSettings

Check = Callable[[], Awaitable[None]]
"""Returns when what it asks for is there; raises otherwise."""

_BACKLOG = 256


class ServerFailed(Exception):
    """The HTTP server ended by itself, or its application did not start."""


def health_routes(
    *,
    alive: Callable[[], bool],
    checks: Mapping[str, Check],
    registry: CollectorRegistry,
    check_timeout_s: float = 2.0,
) -> list[Route]:
    """Make the routes that every service answers.

    `/health/live` asks only this process's own loop (`alive`). `/health/ready` awaits the named checks in turn, each at
    most `check_timeout_s` seconds, and is 503 when one fails, which it names. `/metrics` is Prometheus text, or
    OpenMetrics where that is accepted, as Prometheus does: it alone has the exemplars.
    """

    async def live(_request: Request) -> Response:
        return _answer(ok=alive(), fields={})

    async def ready(_request: Request) -> Response:
        # No task for each: most know their answer, and a turn of a busy loop takes longer than all of them.
        answers = {name: await _result(check, check_timeout_s) for name, check in checks.items()}
        return _answer(ok=set(answers.values()) <= {"ok"}, fields={"checks": answers})

    async def metrics(request: Request) -> Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # of a version that is none
            encode, content_type = choose_encoder("")
        return Response(encode(registry), media_type=content_type)

    return [
        Route("/health/live", live, methods=["GET"]),
        Route("/health/ready", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def health_app(routes: list[Route]) -> ASGIApp:
    """Make the application of a service that has nothing to answer but its health."""
    return Starlette(routes=routes)


class HttpServer:
    """Serves one ASGI application; `run` is a loop of the service.

    Signals stay with the process's lifecycle. A taken port raises OSError from `run`.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings, *, drain_s: float = 5.0) -> None:
        """Take what to serve and where; `drain_s` bounds the answers that are under way when the stop comes."""
        self._settings = settings
        self._config = uvicorn.Config(
            app,
            http=Http11Protocol,
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # nobody here asks for the caller's address, and a header could say any
            server_header=False,
            timeout_keep_alive=settings.keep_alive_s,
            timeout_graceful_shutdown=max(1, round(drain_s)),
        )
        self.port = 0
        """The port that is listened on; 0 until `listening` is set."""
        self.listening = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then let open requests end."""
        listener = _listen(self._settings)
        server = _Server(self._config)
        serving = asyncio.create_task(_serve(server, listener), name="uvicorn")
        stopped = asyncio.create_task(stop.wait(), name="http stop")
        self.port = listener.getsockname()[1]
        self.listening.set()
        try:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
        finally:
            stopped.cancel()
            serving.cancel()
            self.listening.clear()
            listener.close()
        if not stop.is_set():
            raise ServerFailed("the HTTP server ended though nobody asked it to stop")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process's lifecycle."""
        yield


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        await server.serve(sockets=[listener])
    except SystemExit:
        # uvicorn's way to say that the application's start-up failed; it must not end the loop past its tasks.
        raise ServerFailed("the application's start-up failed; its own log says why") from None


def _listen(settings: HttpSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    listener.settimeout(0)
    return listener


async def _result(check: Check, timeout_s: float) -> str:
    try:
        async with asyncio.timeout(timeout_s):
            await check()
    except TimeoutError:
        return f"no answer in {timeout_s:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a check raises means not ready, never a failed request
        return describe(error)
    return "ok"


def _answer(*, ok: bool, fields: Mapping[str, object]) -> Response:
    body = {"status": "ok" if ok else "failing", **fields}
    return JSONResponse(body, status_code=200 if ok else 503, headers={"cache-control": "no-store"})
