"""Draw status-watch.svg: one screen of `readmit status --watch`, as it is while a run goes on in the local stack.

Start `.venv/bin/python docs/images/status_watch.py`, then `readmit ingest start --train next:3`: it waits for that run.
"""

import io
import re
import socket
from pathlib import Path

from msgspec.structs import replace
from readmit_cli import terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.overview import rendering
from readmit_cli.overview.looks import Looks
from readmit_cli.overview.overview import Overview
from readmit_runtime.clock import SystemClock
from rich.console import Console

WIDTH = 100
PICTURE = Path(__file__).with_name("status-watch.svg")

# rich has fonts fetched from elsewhere; the viewer's own are as good.
_FROM_ELSEWHERE = re.compile(r"\s*@font-face \{[^}]*\}|<!--.*?-->", re.DOTALL)


class Drawn(Exception):
    """The picture is made."""


def draw(found: Overview) -> None:
    """Draw the screen without this machine's name; raises Drawn, unless no run is under way."""
    store = found.store
    if store is None or not any(0 < run.published < run.planned_rows for run in store.runs if run.active):
        return
    replicas = [replace(one, replica=one.replica.replace(socket.gethostname(), "host")) for one in store.replicas]
    shown = replace(found, store=replace(store, replicas=tuple(replicas)))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), markup=False, highlight=False)
    for section in rendering.screen(shown, WIDTH):
        console.print(section)
    svg = console.export_svg(title="readmit status --watch")
    PICTURE.write_text(_FROM_ELSEWHERE.sub("", svg), encoding="utf-8")
    raise Drawn


if __name__ == "__main__":
    try:
        terminal.run(Looks.over(Connections.find(), SystemClock()).follow(draw, interval_s=0.1))
    except Drawn:
        print(f"{PICTURE} is drawn.")  # noqa: T201 - a script
