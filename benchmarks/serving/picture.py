"""Draw the result of `make bench-predict`: give the JSON file and the picture to make."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

COLOURS = {"predict": "#1f6f8b", "hello": "#dfe7ea", "hello_post": "#dfe7ea"}
PEER = "#b9b2a8"


def draw(result: dict[str, Any], picture: Path) -> None:
    """Draw requests/s of every system on a logarithmic axis, a panel for each number of connections."""
    rows = result["systems"]
    titles = [row["title"] for row in rows]
    colours = [COLOURS.get(row["name"], PEER) for row in rows]
    counts = list(rows[0]["connections"])
    figure, panels = pyplot.subplots(1, len(counts), figsize=(12, 1.2 + 0.42 * len(rows)), sharey=True)
    for panel, count in zip(panels, counts, strict=True):
        cells = [row["connections"][count] for row in rows]
        panel.barh(titles, [cell["requests_per_s"]["median"] for cell in cells], color=colours, height=0.7)
        for place, (row, cell) in enumerate(zip(rows, cells, strict=True)):
            panel.text(cell["requests_per_s"]["median"] * 1.15, place, _label(row, cell), va="center", fontsize=9)
        panel.set(title=f"requests/s, {count} connection{'s' * (count != '1')}", xscale="log", xlim=(1, 2_000_000))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    machine = result["machine"]
    note = f"One server each, {machine['cores']} cores, load {machine['load']:.1f} before; {result['measured_at'][:10]}"
    figure.text(0.01, 0.01, note, fontsize=8)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(picture, dpi=110)


def _label(row: dict[str, Any], cell: dict[str, Any]) -> str:
    rate, times = cell["requests_per_s"]["median"], cell["ours_times_it"]["median"]
    if row["name"] == "predict":
        return f"{rate:,.0f}"
    return f"{rate:,.0f}   readmit: {times:.{0 if times >= 10 else 1 if times >= 1 else 2}f} x"


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
