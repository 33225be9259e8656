"""The floor of every HTTP service in this stack: an application that answers fixed bytes and looks at nothing."""

from typing import Any

BODY = b'{"hello":"world"}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())],
}


async def app(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answer."""
    await send(START)
    await send({"type": "http.response.body", "body": BODY})
