"""Write every dashboard as JSON: `PYTHONPATH=observability .venv/bin/python -m readmit_dashboards`."""

from pathlib import Path

from readmit_dashboards.every import rendered

FOLDER = Path(__file__).parents[1] / "grafana" / "dashboards"

for name, text in rendered().items():
    (FOLDER / name).write_text(text)
