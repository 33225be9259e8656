"""What every consuming service tells of its loops is read off them."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.errors import Transient
from readmit_runtime.loop_metrics import LoopMetrics, loop_specs
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.metrics import Metrics
from readmit_runtime.testing.fake_clock import FakeClock
from readmit_runtime.watchdog import Watchdog, WatchdogSettings
from support.consumer_bench import Bench, eventually

SPECS = loop_specs("ingestor")


class Told:
    """The metrics of a service with one consumer, and its clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.registry = CollectorRegistry()
        self.loops = LoopMetrics(SPECS, Metrics("ingestor", SPECS.rows(), registry=self.registry), clock=self.clock)

    def value(self, name: str) -> float | None:
        """Give the value of the consumer's series."""
        return self.registry.get_sample_value(f"readmit_ingestor_{name}", {"consumer": "chunks"})

    def sent(self, *seconds_ago: float) -> list[IncomingRecord]:
        """Give records that were sent so long ago."""
        now_s = self.clock.now().timestamp()
        return [record(round((now_s - ago) * 1000)) for ago in seconds_ago]


@pytest.fixture
def told() -> Told:
    """Give metrics that nothing was told yet."""
    return Told()


def record(timestamp_ms: int) -> IncomingRecord:
    """Give a record with nothing in it but its time."""
    return IncomingRecord("readmit.test.v1", 0, 0, None, None, (), timestamp_ms)


async def test_the_loop_is_read_and_not_counted_again(told: Told) -> None:
    """Counts of the same thing in two places differ one day."""
    bench = Bench()
    told.loops.watch("chunks", bench.progress, Watchdog(WatchdogSettings()))
    assert told.value("consumer_rebalances_total") == 0
    bench.fill(b"a", b"b")
    bench.store.failures = [Transient("The store is away.")]
    async with bench.running():
        await eventually(lambda: bench.progress.records == 2)
    assert told.value("handled_records_total") == 2
    assert told.value("consumer_retries_total") == 1
    assert told.value("consumer_failures") == 0
    assert told.value("consumer_rebalances_total") == 1  # its own joining
    assert told.value("consumer_standstill_seconds") == 0


def test_records_that_wait_are_told_as_they_are_known(told: Told) -> None:
    """The lag in messages is looked at when nothing moves, so it must not need a turn of a loop."""
    progress = ConsumerProgress(behind=7)
    told.loops.watch("chunks", progress, Watchdog(WatchdogSettings()))
    assert told.value("waiting_records") == 7


async def test_the_age_of_a_group_is_that_of_its_oldest_record_when_the_effect_is_there(told: Told) -> None:
    """Who waits for the last row counts from when it was sent, the time in the handler included."""

    async def takes_two_seconds(_records: Sequence[IncomingRecord]) -> None:
        told.clock.advance(2)

    handle = told.loops.aged("chunks", takes_two_seconds)
    await handle(told.sent(1, 5, 3))
    assert told.value("record_age_seconds_sum") == pytest.approx(7)
    assert told.value("record_age_seconds_count") == 1


async def test_a_group_that_fails_has_no_age_yet(told: Told) -> None:
    """It comes again; its age counts once, when it is done."""

    async def fails(_records: Sequence[IncomingRecord]) -> None:
        raise Transient("The store is away.")

    with pytest.raises(Transient):
        await told.loops.aged("chunks", fails)(told.sent(1))
    assert told.value("record_age_seconds_count") == 0


async def test_clocks_that_differ_and_records_without_a_time_do_no_harm(told: Told) -> None:
    """A sender's clock may be ahead, and what the client could not take apart has no time at all."""
    handle = told.loops.aged("chunks", lambda _records: asyncio.sleep(0))
    await handle(told.sent(-30))
    assert told.value("record_age_seconds_sum") == 0
    await handle([record(-1)])
    assert told.value("record_age_seconds_count") == 1
