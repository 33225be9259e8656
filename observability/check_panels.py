"""Ask a living Prometheus every query of every panel: `check_panels.py http://127.0.0.1:19090`.

Ends with 1 when a query is refused or gives nothing, and names panel and query. With --no-airflow behind the address it
leaves out what only a stack with Airflow can answer.
"""

import math
import re
import sys
import time
from collections.abc import Iterable, Sequence

import httpx
from readmit_dashboards.queries import PanelQuery, committed, queries_of

LOOK_BACK_S = 300
STEP_S = 15


def every_query() -> list[PanelQuery]:
    """Return the queries of the committed dashboards."""
    return [query for board in committed().values() for query in queries_of(board)]


def asks_airflow(query: PanelQuery) -> bool:
    """Say whether a query is about what Airflow tells, which a stack without it does not."""
    return re.search(r"\bairflow_", query.expr) is not None


def faults(prometheus: str, queries: Iterable[PanelQuery], *, now: float) -> list[str]:
    """Return what is wrong, a line for each query; `prometheus` is its base URL, `now` in seconds since 1970."""
    with httpx.Client(base_url=prometheus, trust_env=False, timeout=30) as client:
        found = ((query, _fault(client, query.expr, now=now)) for query in queries)
        return [f"{query.dashboard} / {query.panel}: {fault}: {query.expr}" for query, fault in found if fault]


def _fault(client: httpx.Client, expr: str, *, now: float) -> str | None:
    span: dict[str, str | float] = {"query": expr, "start": now - LOOK_BACK_S, "end": now, "step": STEP_S}
    answer = client.get("/api/v1/query_range", params=span).json()
    if answer["status"] != "success":
        return f"refused, {answer['error']}"
    values = (float(value) for series in answer["data"]["result"] for _, value in series["values"])
    # Grafana draws no NaN: a quotient without anything below the line shows nothing either.
    return None if any(not math.isnan(value) for value in values) else "nothing"


def main(arguments: Sequence[str]) -> int:
    """Check and tell; the first argument is Prometheus' base URL."""
    queries = [query for query in every_query() if "--no-airflow" not in arguments or not asks_airflow(query)]
    wrong = faults(arguments[0], queries, now=time.time())
    for line in wrong:
        print(line)
    print(f"{len(queries)} queries of panels, {len(wrong)} of them wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
