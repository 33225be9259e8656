"""Trace requests: a span for each POST to some paths, as part of the trace that its caller names."""

from collections.abc import Collection, MutableMapping
from typing import Any

from readmit_contracts.envelope import traceparent_of
from starlette.types import ASGIApp, Receive, Scope, Send

from readmit_runtime import trace_context, tracing

_HEADER = b"traceparent"
_STATUS = "http.response.status_code"


def traced(app: ASGIApp, *, paths: Collection[str]) -> ASGIApp:
    """Return an application around this one, which it calls at once for other requests; itself without an export."""
    if not tracing.exporting():
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] != "POST" or path not in paths:
            await app(scope, receive, send)
            return
        headers = [(name.decode("latin-1"), value) for name, value in scope["headers"] if name == _HEADER]
        # a request that came along with another one begins in its task's context, and is none of its trace
        with (
            trace_context.replacing(None),
            tracing.span(
                f"POST {path}",
                parent=traceparent_of(headers),
                kind="server",
                attributes={"http.request.method": "POST", "http.route": path},
            ) as note,
        ):

            async def send_and_note(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    note(_STATUS, message["status"])
                await send(message)

            await app(scope, receive, send_and_note)

    return answer
