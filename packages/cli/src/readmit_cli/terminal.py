"""Write to the terminal, and run a command's asynchronous work to its end or to a sentence that says why not."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import structlog
import typer
from rich.console import Console

from readmit_cli.failures import expected

PIPED_WIDTH = 200  # a pipe has no width: nothing is to be cut there

_T = TypeVar("_T")


def out() -> Console:
    """Return the console of results; nothing in them is taken for markup."""
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def progress_console(*, quiet: bool) -> Console:
    """Return the console of progress: stderr, so that results can be piped."""
    return Console(stderr=True, quiet=quiet, markup=False, highlight=False)


def print_json(value: object, *, one_line: bool = False) -> None:
    """Print a value as JSON, indented or on one line."""
    encoded = msgspec.json.encode(value)
    typer.echo((encoded if one_line else msgspec.json.format(encoded, indent=1)).decode())


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a command's work; raises CommandFailed for everything that can be expected to go wrong.

    Ctrl-C cancels the work and is raised as KeyboardInterrupt.
    """
    _silence_libraries()
    with expected():
        return asyncio.run(work)


def _silence_libraries() -> None:
    # What they would log is raised as well, and said once.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
