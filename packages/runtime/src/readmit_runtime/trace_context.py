"""Carry the trace context of the work in hand: a W3C `traceparent`, handed on whether or not spans are exported.

`outgoing` puts the current one into every message, and rows whose work goes on later keep it. So a service that exports
nothing does not cut a trace in two.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

_CURRENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
_TRACE_ID = slice(3, 35)


def current() -> str | None:
    """Return the context of the work in hand, None without one."""
    return _CURRENT.get()


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the 32 hexadecimal digits by which a trace is found."""
    return None if traceparent is None else traceparent[_TRACE_ID]


def exported_trace_id() -> str | None:
    """Return the trace's id where whoever began it wants it exported."""
    traceparent = current()
    return None if traceparent is None or not int(traceparent[-1], 16) & 1 else traceparent[_TRACE_ID]


def of_command(command_id: UUID) -> str:
    """Return the context in which a command is sent: its id without dashes is the trace's, also when it is repeated."""
    return f"00-{command_id.hex}-{command_id.hex[16:]}-01"


@contextmanager
def carrying(traceparent: str | None) -> Iterator[None]:
    """Go on in this context, but stay in a current one of its trace, the nearer cause. None changes nothing."""
    if traceparent is None or trace_id_of(traceparent) == trace_id_of(current()):
        yield
        return
    with replacing(traceparent):
        yield


@contextmanager
def of_row(traceparent: str | None) -> Iterator[None]:
    """Go on in a row's context as `carrying` does; what a row without one leads to belongs to no trace."""
    with replacing(None) if traceparent is None else carrying(traceparent):
        yield


@contextmanager
def replacing(traceparent: str | None) -> Iterator[None]:
    """Let this be the current context until the block ends."""
    before = _CURRENT.set(traceparent)
    try:
        yield
    finally:
        _CURRENT.reset(before)
