"""Measure what recording a prediction costs its answer, against the least that any log on disk can cost.

A round appends the same records to a prediction log, by `PredictionLog.add`: encode, frame with length and CRC-32, one
`write()`. Its floor, in the same round, is one `write()` of as many bytes to a file that is open already; and encoding
alone is measured beside it, which a log in memory would pay too. The rest is Python. What is shipped is not in it: that
happens behind the answers, and is the same work for any log.

Run it by `make bench-prediction-log`; the result goes to `benchmarks/results/prediction_log.json`.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from predictor.metrics import PredictorMetrics
from predictor.prediction_log import PredictionLog
from predictor.settings import PredictionLogSettings
from prometheus_client import CollectorRegistry
from readmit_contracts.events import PredictionRecord
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "prediction_log.json"
RECORDS = 20_000


def main() -> None:
    """Measure, print a line, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds; at least 5 for a figure to quote")
    rounds = [measure() for _ in range(parser.parse_args().rounds)]
    result = {
        "command": "make bench-prediction-log",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "records_each_round": RECORDS,
        "rounds": len(rounds),
        **{name: _spread([each[name] for each in rounds]) for name in rounds[0]},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"append {result['append_us']['median']:.1f} us, of it write() {result['write_us']['median']:.1f} us")
    ratio = result["ratio_to_write"]
    print(f"ratio to a bare write() {ratio['median']:.2f} [{ratio['min']:.2f}..{ratio['max']:.2f}]")


def measure() -> dict[str, float]:
    """Give microseconds per record of one round, and their ratio."""
    records = [_record(number) for number in range(RECORDS)]
    encoded = [bytes(8) + msgspec.json.encode(record) for record in records]
    with tempfile.TemporaryDirectory(dir=ROOT / ".local") as folder:
        log = PredictionLog(
            replica="bench",
            producer=FakeProducer(FakeBroker()),
            settings=PredictionLogSettings(spool=Path(folder) / "spool", spool_bytes=2**30),
            metrics=PredictorMetrics(CollectorRegistry()),
        )
        floor = os.open(Path(folder) / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            append_us = _each(records, log.add)
            write_us = _each(encoded, lambda data: os.write(floor, data))
            encode_us = _each(records, msgspec.json.encode)
        finally:
            os.close(floor)
    return {
        "append_us": append_us,
        "write_us": write_us,
        "encode_us": encode_us,
        "ratio_to_write": append_us / write_us,
    }


def _each(items: list[Any], work: Callable[[Any], object]) -> float:
    gc.disable()
    try:
        began = time.perf_counter()
        for item in items:
            work(item)
        return (time.perf_counter() - began) / len(items) * 1e6
    finally:
        gc.enable()


def _record(number: int) -> PredictionRecord:
    return PredictionRecord(
        prediction_id=uuid4(),
        at=datetime.now(UTC),
        model="readmission",
        model_id="a1" * 32,
        epoch=3,
        probability=1 / (number + 2),
        decision="high_risk",
        threshold=0.125,
        input_sha256="c3" * 32,
    )


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


if __name__ == "__main__":
    main()
