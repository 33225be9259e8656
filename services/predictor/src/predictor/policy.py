"""Treat every request alike: its id, its key, its limits, its error answer, its count.

The policy stands around the whole application. Operations, which have to be fast, it calls by itself; every other path
is the framework's, and is held to the same rules.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog
from readmit_contracts.access import PREDICT_SCOPE
from readmit_runtime.clock import Clock, SystemClock
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from predictor.access_keys import AccessKeys
from predictor.metrics import PredictorMetrics
from predictor.problems import CONTENT_TYPE, ProblemKind, Refused, body_of
from predictor.request import JSON_TYPE, REQUEST_ID, Request

Operation = Callable[[Request], Awaitable[bytes]]
"""Answers a POST request with JSON, or raises Refused."""

KEYED = "/v1/"
OTHER_PATH = "other"

_UNAVAILABLE = 503
_RETRY_AFTER = (b"retry-after", b"5")  # seconds
_METHOD = "POST"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What is behind which path. Only these paths are counted and logged by name: others are the caller's text."""

    operations: Mapping[str, Operation]
    others: frozenset[str]
    unlimited: frozenset[str]
    """Those of `others` that are answered however many requests are under way: who asks them looks after us."""


class Policy:
    """An ASGI application around another one."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        paths: Paths,
        keys: AccessKeys,
        max_requests: int,
        metrics: PredictorMetrics,
        clock: Clock | None = None,
    ) -> None:
        """Take the application behind the other paths; `max_requests` are answered at a time."""
        self._app = app
        self._operations = paths.operations
        self._counted = {path: path for path in (*paths.operations, *paths.others)}
        self._unlimited = paths.unlimited
        self._keys = keys
        self._max_requests = max_requests
        self._under_way = 0
        self._metrics = metrics
        metrics.expect(path for path in self._counted if path.startswith(KEYED))
        self._monotonic = (clock or SystemClock()).monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the server's start and stop on."""
        if scope["type"] != "http":
            await self._pass_on(scope, receive, send)
            return
        started = self._monotonic()
        request = Request(scope, receive)
        answer = _Answer(send, request)
        self._under_way += 1
        try:
            operation = self._admit(request)
            if operation is None:
                await self._app(scope, receive, answer.send)
            else:
                await answer.send_whole(200, JSON_TYPE, await operation(request))
        except Refused as refusal:
            await answer.refuse(refusal)
        except ClientDisconnect:
            log.debug("client_left", request_id=request.request_id.decode())
        except Exception:
            log.exception("request_failed", path=self._named(request), request_id=request.request_id.decode())
            if answer.status is not None:
                raise  # half an answer is out; only the server can end the connection
            await answer.refuse(Refused(ProblemKind.INTERNAL))
        finally:
            self._under_way -= 1
            self._metrics.answered(self._named(request), answer.status, self._monotonic() - started)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    def _named(self, request: Request) -> str:
        return self._counted.get(request.path, OTHER_PATH)

    def _admit(self, request: Request) -> Operation | None:
        """Return what answers the request, None for the framework; raises Refused 503, 401, 403 or 405, in this order.

        So whoever has no key learns nothing of what there is behind the keyed paths.
        """
        if self._under_way > self._max_requests and request.path not in self._unlimited:
            raise Refused(ProblemKind.OVERLOADED)
        if request.path.startswith(KEYED):
            key = self._keys.holder(request.headers.get(b"authorization"))
            if PREDICT_SCOPE not in key.scopes:
                raise Refused(ProblemKind.SCOPE_MISSING)
            request.key_id = key.key_id
        operation = self._operations.get(request.path)
        if operation is not None and request.method != _METHOD:
            raise Refused(ProblemKind.METHOD_NOT_ALLOWED, headers={"allow": _METHOD})
        return operation


class _Answer:
    """What goes out: notes the status, adds the headers that every answer has."""

    __slots__ = ("_request", "_send", "status")

    def __init__(self, send: Send, request: Request) -> None:
        self._send = send
        self._request = request
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        """Send what the framework answers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message["headers"], (REQUEST_ID, self._request.request_id)]
            if self.status == _UNAVAILABLE:
                headers.append(_RETRY_AFTER)
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, refusal: Refused) -> None:
        """Send an error answer."""
        kind = refusal.kind
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
        if kind.status == _UNAVAILABLE:
            headers.append(_RETRY_AFTER)
        if kind.challenge is not None:
            headers.append((b"www-authenticate", kind.challenge.encode()))
        if self._request.unread:
            headers.append((b"connection", b"close"))
        body = body_of(refusal, request_id=self._request.request_id.decode())
        await self.send_whole(kind.status, CONTENT_TYPE, body, headers)

    async def send_whole(
        self, status: int, content_type: bytes, body: bytes, more: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """Send an answer that is not the framework's."""
        self.status = status
        headers = [
            (b"content-type", content_type),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (REQUEST_ID, self._request.request_id),
            *more,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})
