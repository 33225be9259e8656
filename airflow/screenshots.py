"""Photograph Airflow's own pages for the documents.

Needs Chromium, and in an environment of its own `pip install playwright` (no browser of it). Airflow must have done
`make demo`: the pictures are of green runs of readmission_pipeline.

    set -a; . CONNECTION_FILE; set +a    # `readmit up` says which
    python airflow/screenshots.py docs/images
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Page, sync_playwright

PIPELINE = "readmission_pipeline"
WIDTH = 1400
PATIENCE_MS = 60_000
# What moves on a page after its data came: unfolding, and the layout of a graph.
SETTLE_MS = 3_000


@dataclass(frozen=True)
class Airflow:
    """Airflow's page in a browser, with somebody logged in."""

    page: Page
    url: str

    def show(self, path: str, *, height: int) -> None:
        """Open a page of it in a window of this height in pixels, and wait until it is complete."""
        self.page.set_viewport_size({"width": WIDTH, "height": height})
        self.page.goto(f"{self.url}/{path}")
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(SETTLE_MS)

    def press(self, label: str) -> None:
        """Press the button with this label."""
        self.page.get_by_label(label).first.click()
        self.page.wait_for_timeout(SETTLE_MS)

    def ask(self, path: str) -> dict[str, Any]:
        """Give what its REST interface says."""
        answer: dict[str, Any] = self.page.request.get(f"{self.url}/api/v2/{path}").json()
        return answer


def dags(airflow: Airflow) -> None:
    """Show the list of DAGs."""
    airflow.show("dags", height=800)
    airflow.press("Show table view")


def graph(airflow: Airflow) -> None:
    """Show the graph of a green run with all of its tasks."""
    runs = airflow.ask(f"dags/{PIPELINE}/dagRuns?state=success&order_by=-start_date&limit=1")["dag_runs"]
    airflow.show(f"dags/{PIPELINE}/runs/{quote(runs[0]['dag_run_id'])}", height=520)
    for label in ("Show Graph", "Expand all task groups", "Collapse Details Panel", "Fit View"):
        airflow.press(label)


def documentation(airflow: Airflow) -> None:
    """Show what a DAG says of itself."""
    airflow.show(f"dags/{PIPELINE}", height=700)
    airflow.press("Dag Docs")
    mouse, box = airflow.page.mouse, airflow.page.get_by_role("dialog").bounding_box()
    if box is None:
        raise RuntimeError("Airflow shows no dialog with the documentation.")
    right, bottom = box["x"] + box["width"] - 5, box["y"] + box["height"] - 5
    mouse.move(right, bottom)
    mouse.down()
    mouse.move(right + 130, bottom + 110)
    mouse.up()


def form(airflow: Airflow) -> None:
    """Show what a person fills in to start a DAG."""
    airflow.show("dags/ingest_batches", height=1000)
    airflow.press("Trigger Dag")


def waiting(airflow: Airflow) -> None:
    """Show the log of a task that waited for rows, of all such logs the newest that says most."""
    runs = airflow.ask(f"dags/{PIPELINE}/dagRuns?state=success&order_by=-start_date&limit=20")["dag_runs"]
    paths = [f"dags/{PIPELINE}/runs/{quote(run['dag_run_id'])}/tasks/ingest.train_rows" for run in runs]
    airflow.show(max(paths, key=lambda path: progress(airflow, path)), height=620)


def progress(airflow: Airflow, path: str) -> int:
    """Count the lines about rows in the log of a task with this page."""
    place = path.replace("/runs/", "/dagRuns/").replace("/tasks/", "/taskInstances/")
    lines = airflow.ask(f"{place}/logs/1?full_content=true")["content"]
    return sum(" rows, " in line["event"] for line in lines)


# The graph comes last: Airflow remembers that it was asked for.
PICTURES: dict[str, Callable[[Airflow], None]] = {
    "airflow-dags": dags,
    "airflow-documentation": documentation,
    "airflow-form": form,
    "airflow-waiting": waiting,
    "airflow-graph": graph,
}


def log_in(browser: Browser, url: str, user: str, password: str) -> Airflow:
    """Log in on Airflow's own page."""
    page = browser.new_page(color_scheme="light", locale="en-GB", timezone_id="UTC")
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{url}/dags")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(f"{url}/dags")
    return Airflow(page, url)


def main(folder: Path) -> None:
    """Write every picture into the folder."""
    url, user, password = (os.environ[f"READMIT_AIRFLOW_{name}"] for name in ("URL", "USER", "PASSWORD"))
    with sync_playwright() as playwright:
        sandbox = os.getuid() != 0  # Chromium has none for root
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), chromium_sandbox=sandbox)
        airflow = log_in(browser, url, user, password)
        for name, arrange in PICTURES.items():
            arrange(airflow)
            airflow.page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
