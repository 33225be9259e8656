"""Speak HTTP by bytes: send what no client library would, and read whatever comes back."""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

RECEIVE_BYTES = 65_536
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it came; header names in lower case, several of one name joined by a line feed."""

    status: int
    headers: Mapping[str, str]
    head: bytes
    body: bytes

    @property
    def request_id(self) -> str:
        """The request's name, "" without one."""
        return self.headers.get("x-request-id", "")

    @property
    def closes(self) -> bool:
        """Tell whether the server ends the connection after it."""
        return self.headers.get("connection", "").lower() == "close"


class AnswerMissing(Exception):
    """Nothing came within the time; or what came is no HTTP answer, or half of one."""


class Connection:
    """One connection to a server on this machine. It blocks, for as long as `timeout_s` without a byte."""

    def __init__(self, port: int, *, timeout_s: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def send(self, content: bytes) -> bool:
        """Send bytes and tell whether they went out; what the server answered before it ended can still be read."""
        try:
            self._socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def answer(self, *, bodyless: bool = False) -> RawAnswer | None:
        """Return the next answer, None when the connection ended before its first byte; raises AnswerMissing.

        An answer to HEAD is `bodyless`: it announces a body and has none. "100 Continue" is passed over.
        """
        while True:
            head = self._take_head()
            if head is None:
                return None
            line, *fields = head.removesuffix(HEAD_END).decode("latin-1").split("\r\n")
            if not line.startswith("HTTP/1.1 ") or not line[9:12].isdigit():
                raise AnswerMissing(f"no answer of HTTP: {head[:200]!r}")
            if line[9:12] != "100":
                break
        headers: dict[str, str] = {}
        for text in fields:
            name, _, value = text.partition(":")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}\n{value}" if name in headers else value
        length = 0 if bodyless else int(headers["content-length"])
        return RawAnswer(int(line[9:12]), headers, head, self._take(length))

    def close(self, *, abruptly: bool = False) -> None:
        """End the connection, in good order or by a reset."""
        if abruptly:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _take_head(self) -> bytes | None:
        while (end := self._received.find(HEAD_END)) < 0:
            if not self._receive():
                if self._received:
                    raise AnswerMissing(f"half an answer: {bytes(self._received[:200])!r}")
                return None
        return self._cut(end + len(HEAD_END))

    def _take(self, length: int) -> bytes:
        while len(self._received) < length:
            if not self._receive():
                raise AnswerMissing(f"{len(self._received)} of {length} bytes of a body")
        return self._cut(length)

    def _cut(self, length: int) -> bytes:
        taken = bytes(self._received[:length])
        del self._received[:length]
        return taken

    def _receive(self) -> bool:
        try:
            received = self._socket.recv(RECEIVE_BYTES)
        except ConnectionResetError:
            return False
        except TimeoutError:
            raise AnswerMissing(f"nothing within {self._socket.gettimeout():g} s") from None
        self._received += received
        return bool(received)


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request's bytes; its length is announced where there is a body and no other announcement."""
    lines = [f"{method} {path} HTTP/1.1", "host: predictor", *(f"{name}: {value}" for name, value in headers.items())]
    if body and not headers.keys() & {"content-length", "transfer-encoding"}:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
