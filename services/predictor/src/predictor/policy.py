"""Treat every request alike: its id, its limits, its error answer, its count.

The policy wraps the whole application, so ordinary routes and a handler that speaks ASGI by itself are held to the
same rules: both read bodies by `read_body` and refuse by raising `Refused`.
"""

import asyncio
import re
from dataclasses import dataclass
from uuid import uuid4

import structlog
from readmit_runtime.clock import Clock, SystemClock
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from predictor.metrics import PredictorMetrics
from predictor.problems import CONTENT_TYPE, ProblemKind, Refused, body_of, refused_unread

REQUEST_ID = b"x-request-id"
RETRY_AFTER_S = b"5"
OTHER_PATH = "other"

_LENGTH_DIGITS = 19  # a longer number is beyond 64 bits, and may be too long for int() to read
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_JSON_TYPE = re.compile(rb"application/json(?:\s*;\s*charset=\"?utf-8\"?)?", re.IGNORECASE)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much of a request is read, and how long that may take."""

    max_bytes: int
    read_s: float


class Policy:
    """An ASGI application around another one."""

    def __init__(
        self, app: ASGIApp, *, paths: frozenset[str], metrics: PredictorMetrics, clock: Clock | None = None
    ) -> None:
        """Take the paths that may be counted and logged under their own name; any other is the caller's text."""
        self._app = app
        self._paths = paths
        self._metrics = metrics
        self._clock = clock or SystemClock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the server's start and stop on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._clock.monotonic()
        path = scope["path"] if scope["path"] in self._paths else OTHER_PATH
        answer = _Answer(send, request_id(scope), path)
        try:
            await self._answer(scope, receive, answer)
        finally:
            self._metrics.answered(path, answer.status, self._clock.monotonic() - started)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer.send)
        except Refused as refusal:
            await answer.refuse(refusal)
        except ClientDisconnect:
            log.debug("client_left", request_id=answer.request_id)
        except Exception:
            log.exception("request_failed", path=answer.path, request_id=answer.request_id)
            if answer.status is not None:
                raise  # half an answer is out; only the server can end the connection
            await answer.refuse(Refused(ProblemKind.INTERNAL))


class _Answer:
    """What goes out: notes the status, adds the headers that every answer has."""

    def __init__(self, send: Send, request_id: str, path: str) -> None:
        self._send = send
        self.request_id = request_id
        self.path = path
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], *self._headers(message)]}
        await self._send(message)

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        headers = [(REQUEST_ID, self.request_id.encode())]
        if message["status"] == ProblemKind.NO_MODEL.status:
            headers.append((b"retry-after", RETRY_AFTER_S))
        return headers

    async def refuse(self, refusal: Refused) -> None:
        body = body_of(refusal, request_id=self.request_id)
        headers = [
            (b"content-type", CONTENT_TYPE),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *((name.encode(), value.encode()) for name, value in refusal.headers.items()),
        ]
        await self.send({"type": "http.response.start", "status": refusal.kind.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def request_id(scope: Scope) -> str:
    """Return the caller's id of the request when it is a plain word, else a new one."""
    given = _header(scope, REQUEST_ID)
    return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else uuid4().hex


async def read_body(scope: Scope, receive: Receive, limits: BodyLimits) -> bytes:
    """Return a JSON request's body; raises Refused 415, 413 or 408, or ClientDisconnect.

    A length announced above the limit is refused before a byte is read; without an announcement, bytes are counted.
    """
    _check_headers(scope, limits)
    try:
        async with asyncio.timeout(limits.read_s):
            return await _collect(receive, limits.max_bytes)
    except TimeoutError:
        raise refused_unread(ProblemKind.TOO_SLOW) from None


def _check_headers(scope: Scope, limits: BodyLimits) -> None:
    if not _JSON_TYPE.fullmatch(_header(scope, b"content-type") or b""):
        raise refused_unread(ProblemKind.UNSUPPORTED_TYPE)
    if (_header(scope, b"content-encoding") or b"identity").lower() != b"identity":
        raise refused_unread(ProblemKind.UNSUPPORTED_ENCODING)
    announced = _header(scope, b"content-length") or b"0"
    if not announced.isdigit():
        raise refused_unread(ProblemKind.MALFORMED)
    if len(announced) > _LENGTH_DIGITS or int(announced) > limits.max_bytes:
        raise refused_unread(ProblemKind.TOO_LARGE)


async def _collect(receive: Receive, max_bytes: int) -> bytes:
    received = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        received += message.get("body", b"")
        if len(received) > max_bytes:
            raise refused_unread(ProblemKind.TOO_LARGE)
        if not message.get("more_body", False):
            return bytes(received)


def _header(scope: Scope, name: bytes) -> bytes | None:
    """Return the only value of a header; several are joined, as HTTP has it, and so fit no rule above."""
    values = [value for given, value in scope["headers"] if given == name]
    return b", ".join(values) if values else None
