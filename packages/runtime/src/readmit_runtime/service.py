"""Start a service: its settings, its log, its loops."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from readmit_runtime import logs, tracing
from readmit_runtime.lifecycle import run
from readmit_runtime.settings import SettingsInvalid, TracedSettings, load

EXIT_SETTINGS = 78
"""The environment makes no valid settings: starting again changes nothing before a person changes that."""

_Settings = TypeVar("_Settings", bound=TracedSettings)

log = structlog.get_logger(__name__)


def start(
    service: str,
    settings_type: type[_Settings],
    serve: Callable[[_Settings, asyncio.Event], Awaitable[None]],
    *,
    prepare: Callable[[], None] = lambda: None,
) -> int:
    """Read the settings, prepare, and serve until told to stop; return the process's exit code.

    Settings that are missing or wrong are named in one line of the log.
    """
    try:
        settings = load(settings_type)
    except SettingsInvalid as error:
        logs.configure(service=service)
        log.error("settings_invalid", detail=str(error), exit_code=EXIT_SETTINGS)  # noqa: TRY400 - one line, no frames
        return EXIT_SETTINGS
    logs.configure(service=service, level=settings.log_level)
    tracing.configure(settings.tracing, service=service)
    prepare()
    return run(lambda stop: serve(settings, stop), shutdown_s=settings.shutdown_s)
