"""Which dashboards there are, and their JSON."""

import json

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from readmit_dashboards import infrastructure, ingest, models, overview, predictor, quality


def rendered() -> dict[str, str]:
    """Return the text of each file by its name: the same bytes each time."""
    built = [page.build() for page in _pages()]
    return {f"{page.uid}.json": json.dumps(page, cls=JSONEncoder, sort_keys=True, indent=2) + "\n" for page in built}


def _pages() -> tuple[Dashboard, ...]:
    pages = (overview, ingest, models, predictor, quality, infrastructure)
    return tuple(module.page() for module in pages)
