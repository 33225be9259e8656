"""Take prometheus-*.png: Prometheus' own graph page over the queries of some panels, of a stack while it works.

`make prometheus-pictures` takes them anew, in six minutes: a stack of its own ingests, trains and promotes twice and
answers predictions, with its ingestor away for a while, so that there is a lag to see.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
from check_panels import faults
from readmit_contracts.predictions import example_encounter
from readmit_dashboards.queries import committed, panels_of, queries_of
from support.running_stack import RunningStack, wait_for
from support.stack import temporary_stack

FOLDER = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# The picture's name, the dashboard, the panel, and the height that its page takes.
PICTURES = (
    ("requests", "predictor", "Rate", 900),
    ("latency", "predictor", "Duration of /v1/predict", 900),
    ("lag", "ingest", "Lag in seconds", 950),
    ("rows", "ingest", "Stored", 900),
    ("champion", "models", "Who serves what", 880),
)
WIDTH = 1000
LOADED_WITHIN_S = 60
CONVERGED_WITHIN_S = 240
CALM_S, AWAY_S = 75, 45
SCRAPED_WITHIN_S = 10
PAUSES_S = (0.1, 0.02)
"""Between two requests, in turn: for CALM_S few of them, then for as long many."""


def main() -> None:
    """Let a stack work, then take every picture."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("There is no Chromium here; `local/install/packages.sh chromium` installs it.")
    with temporary_stack() as stack:
        stack.up()
        begun = time.time()
        running = RunningStack(stack)
        running.readmit("ingest", "start", "--train", "next:1", "--validation", "all")
        _converge(running, 1)
        with _asked_all_the_while(running):
            time.sleep(CALM_S)
            running.stop("ingestor")
            running.readmit("ingest", "start", "--train", "next:2", "--then", "nothing", "--no-wait")
            time.sleep(AWAY_S)
            running.start("ingestor")
            # What a process did before it was asked first is in no rate.
            time.sleep(SCRAPED_WITHIN_S)
            running.readmit("ingest", "start", "--train", "next:2")
            _converge(running, 2)
            time.sleep(CALM_S)
            _take(browser, stack.addresses.prometheus, seconds=int(time.time() - begun))


def _converge(running: RunningStack, epoch: int) -> None:
    wanted = ("models", "converge", "--epoch", str(epoch), "--timeout", "5")
    wait_for(lambda: running.finds(*wanted), f"epoch {epoch} serves", timeout_s=CONVERGED_WITHIN_S)


@contextmanager
def _asked_all_the_while(running: RunningStack) -> Iterator[None]:
    addresses = running.stack.addresses
    headers = {"Authorization": f"Bearer {addresses.access_key}"}
    done = threading.Event()

    def ask() -> None:
        begun = time.monotonic()
        with httpx.Client(base_url=addresses.service("predictor"), headers=headers, timeout=20) as client:
            while not done.wait(PAUSES_S[int((time.monotonic() - begun) / CALM_S) % len(PAUSES_S)]):
                client.post("/v1/predict", json=example_encounter()).raise_for_status()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        done.set()
        asking.join()


def _take(browser: str, prometheus: str, *, seconds: int) -> None:
    """Take the pictures of the last `seconds`; ends the program where there would be nothing to see."""
    for name, page, title, height in PICTURES:
        board = committed()[f"readmit-{page}.json"]
        queries = [query for query in queries_of(board) if query.panel == title]
        if wrong := faults(prometheus, queries, now=time.time()):
            sys.exit("\n".join(wrong))
        [panel] = [panel for panel in panels_of(board) if panel["title"] == title]
        legends = [target["legendFormat"] for target in panel["targets"]]
        expr = _together([query.expr for query in queries], legends)
        shown = {"g0.expr": expr, "g0.tab": "0", "g0.range_input": f"{seconds}s"}
        picture = FOLDER / f"prometheus-{name}.png"
        options = ["--headless", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=20000"]
        options += ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium does not start as root with it
        options += [f"--window-size={WIDTH},{height}", f"--screenshot={picture}"]
        command = [browser, *options, f"{prometheus}/graph?{urlencode(shown)}"]
        subprocess.run(command, check=True, timeout=LOADED_WITHIN_S, capture_output=True)  # noqa: S603 - ours
        print(f"{picture} is taken.")  # noqa: T201 - a script


def _together(exprs: list[str], legends: list[str]) -> str:
    """Return one query of all, as the page's graph takes; of several each has its legend as a label."""
    if len(exprs) == 1:
        return exprs[0]
    named = (f'label_replace({expr}, "line", "{legend}", "", "")' for expr, legend in zip(exprs, legends, strict=True))
    return " or ".join(named)


if __name__ == "__main__":
    main()
