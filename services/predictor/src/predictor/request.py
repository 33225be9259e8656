"""Hold one HTTP request: its headers, its id, and its body, which is read within limits."""

import asyncio
import re
import types
from collections.abc import Awaitable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from predictor.problems import ProblemKind, Refused
from predictor.random_ids import random_hex

REQUEST_ID = b"x-request-id"
JSON_TYPE = b"application/json"

_LENGTH_DIGITS = 19  # a longer number is beyond 64 bits, and may be too long for int() to read
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_JSON_TYPE = re.compile(rb"application/json(?:\s*;\s*charset=\"?utf-8\"?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much of a request is read, and how long that may take."""

    max_bytes: int
    read_s: float


class Request:
    """One request.

    `headers` are by lower-case name; several of one name are joined, as HTTP has it, and so fit no rule that takes one.
    `unread` tells whether bytes of the body may still come: then the connection cannot serve another request.
    """

    __slots__ = ("_receive", "headers", "key_id", "method", "path", "request_id", "unread")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = headers = _joined(scope["headers"])
        given = headers.get(REQUEST_ID)
        plain = given is not None and _REQUEST_ID.fullmatch(given)
        self.request_id: bytes = given if given is not None and plain else random_hex()
        self.unread = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        self.key_id = ""

    def idempotency_key(self) -> str | None:
        """Return the caller's name for this request, None without one; raises Refused 400."""
        given = self.headers.get(b"idempotency-key")
        if given is None:
            return None
        if not _IDEMPOTENCY_KEY.fullmatch(given):
            raise Refused(ProblemKind.INVALID_IDEMPOTENCY_KEY)
        return given.decode()

    async def body(self, limits: BodyLimits) -> bytes:
        """Return a JSON request's body; raises Refused 415, 413 or 408, or ClientDisconnect.

        A length announced above the limit is refused before a byte is read; without an announcement, bytes are counted.
        """
        self._check_headers(limits)
        self.unread = True
        reading = self._collect(limits.max_bytes)
        try:
            awaited = reading.send(None)
        except StopIteration as done:  # it came along with the headers, as most do: no time limit has to be set up
            body: bytes = done.value
        else:
            body = await _within(limits.read_s, _resume(reading, awaited))
        self.unread = False
        return body

    def _check_headers(self, limits: BodyLimits) -> None:
        headers = self.headers
        kind = headers.get(b"content-type", b"")
        if kind != JSON_TYPE and not _JSON_TYPE.fullmatch(kind):
            raise Refused(ProblemKind.UNSUPPORTED_TYPE)
        if b"content-encoding" in headers and headers[b"content-encoding"].lower() != b"identity":
            raise Refused(ProblemKind.UNSUPPORTED_ENCODING)
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit():
            raise Refused(ProblemKind.MALFORMED)
        if len(announced) > _LENGTH_DIGITS or int(announced) > limits.max_bytes:
            raise Refused(ProblemKind.TOO_LARGE)

    async def _collect(self, max_bytes: int) -> bytes:
        parts = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts += message.get("body", b"")
            if len(parts) > max_bytes:
                raise Refused(ProblemKind.TOO_LARGE)
            if not message.get("more_body", False):
                return bytes(parts)


async def _within(seconds: float, reading: Awaitable[bytes]) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            return await reading
    except TimeoutError:
        raise Refused(ProblemKind.TOO_SLOW) from None


@types.coroutine
def _resume(begun: Coroutine[Any, Any, bytes], awaited: object) -> Generator[Any, Any, bytes]:
    """Go on with a coroutine that was begun by hand and stands before what it awaits."""
    try:
        while True:
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's to handle, or to raise again
                awaited = begun.throw(error)
            else:
                awaited = begun.send(sent)
    except StopIteration as done:
        body: bytes = done.value
        return body


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    pairs = list(pairs)
    headers = dict(pairs)
    if len(headers) == len(pairs):
        return headers
    return {name: b", ".join(value for given, value in pairs if given == name) for name in headers}
