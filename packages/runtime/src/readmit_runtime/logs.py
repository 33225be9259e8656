"""Log JSON events with fields, one per line, and never a value of a row.

The text of an exception is the way by which values reach logs unseen (a duplicate key's value, a number that would
not parse). So an error is logged as its type and frames; its text only where it is known to carry no data.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO
from uuid import UUID

import structlog
from structlog.typing import Processor

from readmit_runtime import trace_context

EventDict = MutableMapping[str, Any]

_LINKS_MAX = 6
"""Errors followed along causes and groups; deeper chains are cut."""
_FRAMES_MAX = 30

# The house's own errors carry no values by rule; these libraries' texts were read and name systems, not data.
_HOUSE = frozenset(
    {
        "readmit_contracts",
        "readmit_features",
        "readmit_runtime",
        "readmit_cli",
        "batch_producer",
        "ingestor",
        "trainer",
        "predictor",
    }
)
_LIBRARIES = frozenset({"aiokafka", "minio", "urllib3"})
_TEXT_MAX = 500
_TRUSTED_TYPES = (OSError, ImportError, NameError, AttributeError, TypeError, NotImplementedError)


def configure(*, service: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send the logs of this process, also those of libraries, to `stream` (standard output) as JSON lines.

    Every event has `event`, `level`, `time` (UTC), `service`, `logger`; one of work that is traced has `trace_id`.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _add_service(service),
        _add_trace,
        _replace_exceptions,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=_plain),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("aiokafka", "asyncio", "urllib3", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def describe(error: BaseException) -> str:
    """Return an error's type and, where its text is known to hold no data, the text."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    root = kind.__module__.partition(".")[0]
    if root == "asyncpg" and hasattr(error, "sqlstate"):
        return f"{name} ({error.sqlstate})" + _place(error)
    if root in _HOUSE | _LIBRARIES or isinstance(error, _TRUSTED_TYPES):
        return f"{name}: {error}"[:_TEXT_MAX]
    return name


def _place(error: BaseException) -> str:
    # By name, so that a service without a database does not load its client for the sake of a log line.
    parts = [getattr(error, name, None) for name in ("schema_name", "table_name", "constraint_name")]
    where = ".".join(part for part in parts if part)
    return f" at {where}" if where else ""


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return what a log may say of an error: `error`, `frames` (outermost first), its causes and members."""
    return _fields(error, _LINKS_MAX)


def _fields(error: BaseException, links: int) -> dict[str, Any]:
    fields: dict[str, Any] = {"error": describe(error), "frames": _frames(error.__traceback__)}
    if links == 0:
        return fields
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        fields["cause"] = _fields(cause, links - 1)
    if isinstance(error, BaseExceptionGroup):
        fields["members"] = [_fields(member, links - 1) for member in error.exceptions[:_LINKS_MAX]]
    return fields


def _frames(trace: TracebackType | None) -> list[str]:
    frames = [
        f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_name}:{line}"
        for frame, line in traceback.walk_tb(trace)
    ]
    return frames[-_FRAMES_MAX:]


def _replace_exceptions(_logger: object, _method: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event.update(error_fields(error))
    return event


def _add_trace(_logger: object, _method: str, event: EventDict) -> EventDict:
    if (traceparent := trace_context.current()) is not None:
        event["trace_id"] = trace_context.trace_id_of(traceparent)
    return event


def _add_service(service: str) -> Processor:
    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _plain(value: object) -> str:
    if isinstance(value, BaseException):
        return describe(value)
    if isinstance(value, UUID | Path | date):
        return str(value)
    return f"<{type(value).__qualname__}>"
