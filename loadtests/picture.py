"""Draw the result of `make capacity`: give the JSON file and the picture to make. It needs matplotlib alone."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

ENDPOINT = "POST /v1/predict"
HELD, BROKEN = "#1f6f8b", "#c0563b"


def draw(report: dict[str, Any], picture: Path) -> None:
    """Draw the percentiles of predictions at every number of users that was tried, and the limits as lines."""
    trials = sorted(report["capacity"]["trials"], key=lambda trial: trial["users"])
    limits = report["limits"][ENDPOINT]
    figure, panels = pyplot.subplots(1, 2, figsize=(11, 4), sharex=True)
    for panel, name in zip(panels, ("p95", "p99"), strict=True):
        for held, colour, label in ((True, HELD, "all limits held"), (False, BROKEN, "a limit was missed")):
            of = [trial for trial in trials if trial["held"] is held]
            times = [trial["window"]["endpoints"][ENDPOINT][f"{name}_ms"] for trial in of]
            panel.scatter([trial["users"] for trial in of], times, color=colour, label=label, s=22)
        panel.axhline(limits[f"{name}_ms"], color="#888", linewidth=1, linestyle="--", label="limit")
        panel.axvline(report["capacity"]["users"], color=HELD, linewidth=1, label="capacity")
        panel.set(title=f"{name} of a prediction, ms", xlabel="users of one request a second", yscale="log")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    machine = report["circumstances"]
    note = f"{machine['cores']} cores, generator on the same; commit {machine['commit']}, {machine['measured_at'][:10]}"
    figure.text(0.01, 0.01, note, fontsize=8)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
