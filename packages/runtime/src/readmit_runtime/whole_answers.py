"""Send an answer's head and body by one write, where uvicorn makes two and so wakes its reader twice."""

import asyncio
from collections.abc import Callable

_HEAD = b"HTTP/"
_INTERIM = b"HTTP/1.1 100"  # no head: the caller waits for it before it sends its body


class WholeAnswers(asyncio.Transport):
    """What a protocol writes to: a head waits here for what is written next, for `flush`, or for `close`."""

    def __init__(self, transport: asyncio.Transport, *, closing: Callable[[], None]) -> None:
        """Take what is written to; `closing` is called when the connection begins to end."""
        self._transport = transport
        self._closing = closing
        self._head = b""
        self._begun = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Write, or keep a head."""
        if self._head:
            self._head, data = b"", self._head + data
        elif not self._begun and data.startswith(_HEAD) and not data.startswith(_INTERIM):
            self._head, self._begun = data, True
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Write what is kept: the answer is complete."""
        self._begun = False
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Write what is kept, and close."""
        self.flush()
        if not self._transport.is_closing():
            self._closing()
            self._transport.close()

    def lost(self) -> None:
        """Forget whom `closing` belongs to: the connection is gone, and the two would keep each other."""
        self._closing = _nobody

    def is_closing(self) -> bool:
        """Tell whether the connection ends."""
        return self._transport.is_closing()


def _nobody() -> None:
    """Be called in the place of a protocol that is gone."""
