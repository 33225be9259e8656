"""Send an answer's head and body by one write, where uvicorn makes two and so wakes its reader twice."""

import asyncio

_HEAD = b"HTTP/"
_INTERIM = b"HTTP/1.1 100"  # no head: the caller waits for it before it sends its body


class WholeAnswers(asyncio.Transport):
    """What a protocol writes to: a head waits here for what is written next, for `flush`, or for `close`."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Write, or keep a head."""
        if self._head:
            self._head, data = b"", self._head + data
        elif data.startswith(_HEAD) and not data.startswith(_INTERIM):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Write what is kept."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Write what is kept, and close."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection ends."""
        return self._transport.is_closing()
