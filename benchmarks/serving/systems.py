"""Name what is measured, and run the floor: a bare uvicorn."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from serving.processes import Server, serving
from support.predictor_process import free_port

HERE = Path(__file__).parent
UVICORN = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")


@dataclass(frozen=True)
class System:
    """One row of the table.

    `bodies` is a file of JSON bodies that are posted in turn, None for plain GETs; `goals` says for a number of
    connections how many times its requests/s ours are to be.
    """

    name: str
    title: str
    url: str
    server: Server
    bodies: Path | None = None
    key: str = ""
    goals: Mapping[int, float] = field(default_factory=dict)


@contextmanager
def floors(folder: Path, records: Path) -> Iterator[tuple[System, System]]:
    """Give the floor, asked by GET and by the predictor's own requests."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "hello:app", "--port", str(port), *UVICORN]
    with serving(command, folder=HERE, log=folder / "hello.log", environment={}) as server:
        url = f"http://127.0.0.1:{port}/"
        yield (
            System("hello", "bare uvicorn, fixed bytes", url, server, goals={1: 0.4, 8: 0.4}),
            System("hello_post", "bare uvicorn, asked by POST", url, server, bodies=records),
        )
