"""Measure what the metrics cost: CPU time with and without them, in turn, and how long a scrape takes.

Requests: in every round two new predictors serve the champion of a whole stack, one of which counts nothing of them
(`unmeasured_predictor.py`). wrk asks them in turn, a second each, and the kernel says what CPU time they took until all
was shipped. Rows: the ingestor's handler of chunks stores the whole dataset in a real Postgres, with its metrics and
without any, both in every round; Kafka's client is not in it, so the share is overstated. Who goes first changes. The
overhead is the median of the rounds, with its 95 % interval by 10,000 resamples of them.

CPU time on a machine that others use varies by more than the metrics cost. Therefore the calls are measured apart as
well, over and over in one process, and set beside the CPU time of the work that they accompany; the looks at the clock
are in it, which the predictor that counts nothing takes too. Between two predictions the processor's cache has held
much else, so the three values that a prediction observes are also measured with a cold one, ours and the library's.

Traces that are switched off are measured as calls alone, for there is no service without them.

A scrape is timed from the request to the last byte, 100 times at each service of the stack and at the lag exporter
after `readmit demo`, in the format that Prometheus asks for.

Run it by `make bench-metrics`; the result goes to `benchmarks/results/metrics.json`. It ends with 1 when the calls' own
share, or the 95th percentile of a scrape, is above its limit, or when even the lower end of the overhead's interval is.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import prometheus_client
from metering.calls import calls_of_a_group, calls_of_a_request, cold, traces_of_a_group
from metering.requests import measure_requests, measure_scrapes
from metering.rounds import EACH, WITH, WITHOUT, Round
from metering.rows import GROUP_CHUNKS, measure_rows
from readmit_cli.stack.parts import default_parts
from readmit_cli.stack.programs import LAG_EXPORTER, POSTGRES, SERVICES
from readmit_contracts.source import DATASET_SHA256, SourceFile
from readmit_runtime.metric_collectors import Distribution
from support.running_stack import RunningStack
from support.stack import temporary_stack

RESULT = Path(__file__).parent / "results" / "metrics.json"
LIMIT = 0.03
SCRAPE_LIMIT_MS = 20.0
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


def main() -> int:
    """Measure, print a table, write the result; return 1 when something is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds; at least 15 for a figure to quote")
    parser.add_argument("--turns", type=int, default=8, help="seconds for which each predictor is asked in a round")
    asked = parser.parse_args()
    load = os.getloadavg()[0]  # what others were at, on the same cores
    with temporary_stack() as stack:
        stack.up(default_parts(with_mlflow=True))
        running = RunningStack(stack)
        running.readmit("demo", "--no-airflow", timeout_s=600)
        dataset = Path(stack.environment("batch-producer")["READMIT_BATCH_PRODUCER_DATASET"])
        requests = measure_requests(stack, dataset, asked.rounds, asked.turns)
        scrapes = {program: measure_scrapes(running, program) for program in (*SERVICES, LAG_EXPORTER)}
    with temporary_stack() as stack, tempfile.TemporaryDirectory() as folder:
        stack.up([POSTGRES])
        rows = asyncio.run(measure_rows(stack, dataset, Path(folder), asked.rounds))
    result = _result(requests, rows, scrapes, load, SourceFile.read(dataset).sha256)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    _print(result)
    above = list(above_limits(result))
    for line in above:
        print(f"ABOVE ITS LIMIT: {line}")
    return 1 if above else 0


def _compared(rounds: list[Round], calls_s: float) -> dict[str, Any]:
    """Give the CPU time of both, the overhead with its interval, and the calls' own share."""
    overheads = [each[WITH] / each[WITHOUT] - 1 for each in rounds]
    chance = random.Random(1)  # noqa: S311 - resamples, no secret
    medians = sorted(statistics.median(chance.choices(overheads, k=len(overheads))) for _ in range(10_000))
    without_s = statistics.median(each[WITHOUT] for each in rounds)
    return {
        "rounds": rounds,
        "cpu_s_with": statistics.median(each[WITH] for each in rounds),
        "cpu_s_without": without_s,
        "overhead": {
            "median": statistics.median(overheads),
            "interval_95": [medians[250], medians[9_749]],
            "mean": statistics.fmean(overheads),
        },
        "calls_cpu_s": calls_s,
        "calls_share": calls_s / without_s,
    }


def _result(
    requests: list[Round], rows: list[Round], scrapes: dict[str, dict[str, float]], load: float, dataset_sha256: str
) -> dict[str, Any]:
    groups = EACH / 500 / GROUP_CHUNKS
    of_rows = _compared(rows, calls_of_a_group() * groups)
    traces_s = traces_of_a_group() * groups
    return {
        "command": "make bench-metrics",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "load": {"start": load, "end": os.getloadavg()[0]},
        },
        "dataset_sha256": dataset_sha256,
        "each": EACH,
        "requests": _compared(requests, calls_of_a_request() * EACH),
        "rows": of_rows,
        "traces_switched_off": {"calls_cpu_s_of_rows": traces_s, "share_of_rows": traces_s / of_rows["cpu_s_without"]},
        "three_values_cold_us": {
            "ours": cold(Distribution(BUCKETS).observe),
            "library": cold(prometheus_client.Histogram("a", "b", registry=None, buckets=BUCKETS).observe),
        },
        "scrapes": scrapes,
    }


def above_limits(result: dict[str, Any]) -> Iterator[str]:
    """Say what is above its limit, as far as a shared machine lets one say so."""
    for what in ("requests", "rows"):
        found = result[what]
        if found["calls_share"] > LIMIT:
            yield f"the calls of {what} take {found['calls_share']:.2%} of their CPU time"
        if (low := found["overhead"]["interval_95"][0]) > LIMIT:
            yield f"the metrics of {what} cost at least {low:.2%}"
    if (share := result["traces_switched_off"]["share_of_rows"]) > LIMIT:
        yield f"traces that are switched off take {share:.2%} of the rows' CPU time"
    for program, scrape in result["scrapes"].items():
        if scrape["p95_ms"] > SCRAPE_LIMIT_MS:
            yield f"the 95th percentile of a scrape of {program} is {scrape['p95_ms']:.1f} ms"


def _print(result: dict[str, Any]) -> None:
    if result["dataset_sha256"] != DATASET_SHA256:
        print("NOT THE REAL DATASET")
    load = result["machine"]["load"]
    print(f"load of the machine: {load['start']:.1f} at the start, {load['end']:.1f} at the end")
    for what in ("requests", "rows"):
        found = result[what]
        low, high = found["overhead"]["interval_95"]
        print(
            f"{EACH:,} {what}: {found['cpu_s_without']:.2f} s CPU without metrics; with them "
            f"{found['overhead']['median']:+.2%} [{low:+.2%} .. {high:+.2%}]; the calls alone "
            f"{found['calls_cpu_s']:.4f} s, {found['calls_share']:.3%} (limit {LIMIT:.0%})"
        )
    traces = result["traces_switched_off"]
    print(
        f"traces switched off: the calls {traces['calls_cpu_s_of_rows']:.4f} s for {EACH:,} rows, "
        f"{traces['share_of_rows']:.3%} (limit {LIMIT:.0%}); none for requests"
    )
    cold = result["three_values_cold_us"]
    print(f"three values with a cold cache: {cold['ours']:.1f} us, by the library {cold['library']:.1f} us")
    for program, scrape in result["scrapes"].items():
        print(
            f"scrape of {program}: p95 {scrape['p95_ms']:.1f} ms (limit {SCRAPE_LIMIT_MS:.0f}), CPU "
            f"{scrape['cpu_ms']:.1f} ms, {scrape['series']} series, {scrape['bytes']:,} bytes"
        )


if __name__ == "__main__":
    sys.exit(main())
