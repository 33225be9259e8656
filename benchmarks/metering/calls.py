"""Time what is called for the metrics and for traces that nobody wants, and nothing else, over and over."""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, cast
from uuid import uuid4

from ingestor.chunks.handler import ChunkHandler
from ingestor.chunks.outcome import BatchCounts, BatchKey, GroupOutcome
from ingestor.metrics import IngestorMetrics
from metering.rows import GROUP_CHUNKS
from predictor.metrics import PredictorMetrics
from prometheus_client import CollectorRegistry
from readmit_contracts.reasons import Reason
from readmit_runtime import trace_context
from readmit_runtime.clock import SystemClock
from readmit_runtime.messages import IncomingRecord
from support.prediction_records import prediction_record

CALLS = 20_000
COLD_TIMES = 3_000
CACHE_BYTES = 6 * 1024 * 1024
LOOKS_AT_THE_CLOCK = 4


def calls_of_a_request() -> float:
    """Give CPU seconds of all that is called for the metrics of one prediction."""
    metrics = PredictorMetrics(CollectorRegistry())
    clock, record = SystemClock(), prediction_record(0)

    def call() -> None:
        for _ in range(LOOKS_AT_THE_CLOCK):
            clock.monotonic()
        metrics.inferred(0.00004)
        metrics.scored(record)
        metrics.answered("/v1/predict", 200, 0.0002)

    return _each(call)


def calls_of_a_group() -> float:
    """Give CPU seconds of all that is called for the metrics of one group of chunks."""
    metrics = IngestorMetrics(CollectorRegistry())
    counts = BatchCounts(published=15_000, stored=14_990, duplicate=5, quarantined=5)
    outcome = GroupOutcome(
        batches={BatchKey(1, "train", number): counts for number in range(3)},
        quarantined=Counter({Reason.QUARANTINE_LIMIT: 5}),
        chunks_stored=GROUP_CHUNKS,
        batches_stored=1,
    )
    group = [IncomingRecord("t", 0, offset, None, None, (), 1) for offset in range(GROUP_CHUNKS)]

    async def nothing(_records: Sequence[IncomingRecord]) -> None:
        """Store nothing: what is around it is measured."""

    handle = metrics.loops.aged("chunks", nothing)

    def call() -> None:
        metrics.group_stored(outcome, 0.2)
        with suppress(StopIteration):  # a coroutine that waits for nothing ends with its first step
            cast(Coroutine[None, None, None], handle(group)).send(None)

    return _each(call)


def traces_of_a_group() -> float:
    """Give CPU seconds of all that tracing takes for one group of chunks when it is switched off.

    For a prediction that is nothing: without an export `traced` returns the application itself.
    """
    trace = [("traceparent", trace_context.of_command(uuid4()).encode())]
    headers = tuple((f"ce_{number}", b"x") for number in range(8))
    group = [IncomingRecord("t", 0, offset, None, None, (*headers, *trace), 1) for offset in range(GROUP_CHUNKS)]
    handle = _StoresNothing(cast(Any, None), cast(Any, None), on_stored=lambda _outcome, _seconds: None)

    def call() -> None:
        with suppress(StopIteration):
            cast(Coroutine[None, None, None], handle(group)).send(None)

    return _each(call)


class _StoresNothing(ChunkHandler):
    async def _store(self, records: Sequence[IncomingRecord]) -> None:
        """Store nothing: what is around it is measured."""


def _each(call: Callable[[], None]) -> float:
    """Give the CPU seconds of one call, the median of 15 runs of many."""
    runs = []
    for _ in range(15):
        began_s = time.process_time()
        for _ in range(CALLS):
            call()
        runs.append((time.process_time() - began_s) / CALLS)
    return statistics.median(runs)


def cold(observe: Callable[[float], None]) -> float:
    """Give the microseconds of three values with a cold cache, the median of many; those of no work are taken off."""
    rubbish, zeros = bytearray(CACHE_BYTES), bytes(CACHE_BYTES)

    def timed(work: Callable[[float], object]) -> float:
        rubbish[:] = zeros
        began = time.perf_counter()
        for observed in (0.00004, 0.0002, 0.09):
            work(observed)
        return time.perf_counter() - began

    return statistics.median(timed(observe) - timed(id) for _ in range(COLD_TIMES)) * 1e6
