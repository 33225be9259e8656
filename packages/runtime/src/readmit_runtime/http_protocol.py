"""Speak HTTP/1.1 and nothing else with each connection, and wait for its client within limits.

uvicorn bounds neither the bytes nor the time of a head, nor how long an answer waits to be read. It puts a trailer
among the headers. And where a client wishes for another protocol (Java's does so with every request) its parser takes
the body for bytes of that protocol: lost, or read as the next request.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from readmit_runtime.whole_answers import WholeAnswers

HEAD_BYTES = 65_536
"""Most bytes of a head, and of the trailer behind chunks; what arrives with its last byte may exceed it."""
HEAD_S = 10.0
"""Longest time for a head to arrive, from its first byte, the beginning of the connection, or a body that came late."""
SENDING_S = 30.0
"""Longest time for a client to take what is written, once more is kept for it than 64 KiB or the connection ends."""

_TUNNEL = b"CONNECT"


class Http11Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.parser = _Parser(self)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._sending_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._abort = transport.abort
        self._answers = WholeAnswers(transport, closing=self._limit_sending)
        self.transport = self._answers
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more, and leave nothing to the garbage collector."""
        self._has_head()
        self._has_sent()
        super().connection_lost(exc)
        self._answers.lost()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._limit_sending()

    def resume_writing(self) -> None:
        """Go on, for it has read."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._has_sent()

    def data_received(self, data: bytes) -> None:
        """Read on; a head that is too long is no HTTP."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_bytes > HEAD_BYTES:
            self.send_400_response("Invalid HTTP request received.")
        elif self._head_timer is None and (self._head_bytes or self.cycle.response_complete):
            self._wait_for_head()  # also behind a body that came after its answer

    def on_message_begin(self) -> None:
        """Begin a head, which may stand behind another request in what has arrived."""
        super().on_message_begin()
        self._head_bytes += 1

    def on_headers_complete(self) -> None:
        """Begin the request, unless it is read once more without its wish. A tunnel is refused as no HTTP."""
        self._has_head()
        if self.parser.get_method() == _TUNNEL:
            raise ValueError(_TUNNEL)
        if not self.parser.should_upgrade():
            super().on_headers_complete()
            self.headers = []  # for the trailer, which uvicorn would put among the headers of the request

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._has_head()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request, unless it is read once more without its wish."""
        self._has_head()
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Send what is left of an answer, and go on."""
        self._answers.flush()
        super().on_response_complete()

    def head_without_wish(self) -> bytes:
        """Return the head that was read, without its wish for another protocol."""
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([line, *fields, b"", b""])

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_S, self.shutdown)  # not before the answers under way

    def _has_head(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _limit_sending(self) -> None:
        if self._sending_timer is None:
            self._sending_timer = self.loop.call_later(SENDING_S, self._abort)

    def _has_sent(self) -> None:
        if self._sending_timer is not None:
            self._sending_timer.cancel()
            self._sending_timer = None


class _Parser(httptools.HttpRequestParser):
    """A parser that grants no wish for another protocol."""

    def __init__(self, protocol: Http11Protocol) -> None:
        super().__init__(protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self._protocol = protocol

    def feed_data(self, data: Any) -> None:
        """Read bytes; raises HttpParserError for what is no HTTP/1.1."""
        parser, left = self, memoryview(data)
        while True:
            try:
                return super(_Parser, parser).feed_data(left)
            except httptools.HttpParserUpgrade as wish:
                left = left[wish.args[0] :]
                head = self._protocol.head_without_wish()
                parser = self._protocol.parser = _Parser(self._protocol)  # one that read "close" would read no more
                super(_Parser, parser).feed_data(head)
