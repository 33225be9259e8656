"""What Prometheus is told of lag, and for how long."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
import structlog
from aiokafka.errors import GroupAuthorizationFailedError
from prometheus_client import CollectorRegistry
from readmit_cli.lag_exporter.exporter import Looks
from readmit_cli.lag_exporter.metrics import LagMetrics
from readmit_runtime.errors import Transient
from readmit_runtime.group_lag import GroupLag, LagReport, PartitionLag, PartitionOffsets
from readmit_runtime.messages import Partition
from readmit_runtime.testing.fake_clock import FakeClock

FIRST = Partition("events", 0)
SECOND = Partition("events", 1)
REPORT = LagReport(
    (PartitionOffsets(FIRST, 5, 15), PartitionOffsets(SECOND, 0, 3)),
    (GroupLag("trainer", "Stable", 2, (PartitionLag(FIRST, 12, 15, 3, 7.5), PartitionLag(SECOND, None, 3, 3, 60.0))),),
)
EMPTY = LagReport((), ())
WITHDRAW_S = 30.0


class FakeKafka:
    """Gives one report after the other, raises an error among them, is away for a missing one; the last one stays."""

    def __init__(self, clock: FakeClock, *reports: LagReport | Exception | None) -> None:
        self._clock = clock
        self._reports: Sequence[LagReport | Exception | None] = reports
        self.looks = 0
        self.connections = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["FakeKafka"]:
        """Connect."""
        self.connections += 1
        yield self

    async def read(self) -> LagReport:
        """Return the next report; each look takes ten seconds."""
        report = self._reports[min(self.looks, len(self._reports) - 1)]
        self.looks += 1
        self._clock.advance(10)
        if report is None:
            raise Transient("Kafka is away.")
        if isinstance(report, Exception):
            raise report
        return report


class Rig:
    """An exporter over a fake Kafka."""

    def __init__(self, *reports: LagReport | Exception | None) -> None:
        self.clock = FakeClock()
        self.kafka = FakeKafka(self.clock, *reports)
        self.registry = CollectorRegistry()
        self.looks = Looks(
            self.kafka.connect,
            LagMetrics(self.registry),
            interval_s=0.001,
            withdraw_s=WITHDRAW_S,
            clock=self.clock,
        )

    async def look(self, times: int) -> None:
        """Look so many times, then stop."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.looks.run(stop))
        while self.kafka.looks < times and not running.done():
            await asyncio.sleep(0)
        stop.set()
        await running

    def value(self, name: str, **labels: str) -> float | None:
        """Give what a scrape is told."""
        return self.registry.get_sample_value(name, labels)

    async def ready(self) -> bool:
        """Tell whether it is ready."""
        with suppress(Transient):
            await self.looks.fresh()
            return True
        return False


async def test_figures_have_the_names_and_labels_that_such_exporters_give_them():
    """Dashboards and alerts that people have already must work."""
    rig = Rig(REPORT)
    await rig.look(1)
    place = {"topic": "events", "partition": "0"}
    assert rig.value("kafka_topic_partitions", topic="events") == 2
    assert rig.value("kafka_topic_partition_oldest_offset", **place) == 5
    assert rig.value("kafka_topic_partition_current_offset", **place) == 15
    group = {"consumergroup": "trainer"}
    assert rig.value("kafka_consumergroup_members", **group) == 2
    assert rig.value("kafka_consumergroup_current_offset", **group, **place) == 12
    assert rig.value("kafka_consumergroup_lag", **group, **place) == 3
    assert rig.value("kafka_consumergroup_lag_sum", **group, topic="events") == 6
    assert rig.value("readmit_lag_exporter_oldest_waiting_age_seconds", **group, **place) == 7.5
    never = {"topic": "events", "partition": "1"}
    assert rig.value("kafka_consumergroup_current_offset", **group, **never) == -1
    assert rig.value("kafka_consumergroup_lag", **group, **never) == 3
    assert rig.value("readmit_lag_exporter_look_duration_seconds") == 10


async def test_an_age_that_could_not_be_read_is_not_told():
    """0 would say that nothing waits."""
    unread = PartitionLag(FIRST, 12, 15, 3, None)
    rig = Rig(LagReport((), (GroupLag("trainer", "Stable", 2, (unread, PartitionLag(SECOND, 0, 3, 3, 60.0))),)))
    await rig.look(1)
    of = {"consumergroup": "trainer", "topic": "events"}
    assert rig.value("kafka_consumergroup_lag", **of, partition="0") == 3
    assert rig.value("readmit_lag_exporter_oldest_waiting_age_seconds", **of, partition="0") is None
    assert rig.value("readmit_lag_exporter_oldest_waiting_age_seconds", **of, partition="1") == 60


async def test_what_is_gone_has_no_figures_any_more():
    """A deleted group that kept its last lag would raise an alarm for ever."""
    rig = Rig(REPORT, REPORT, EMPTY)
    await rig.look(2)
    assert rig.value("kafka_topic_partitions", topic="events") == 2
    assert rig.value("kafka_consumergroup_lag_sum", consumergroup="trainer", topic="events") == 6
    await rig.look(3)
    assert rig.value("kafka_topic_partitions", topic="events") is None
    assert rig.value("kafka_consumergroup_lag_sum", consumergroup="trainer", topic="events") is None


async def test_a_scrape_asks_nobody():
    """It is told what the last look found, however many ask."""
    rig = Rig(REPORT)
    await rig.look(1)
    for _ in range(100):
        list(rig.registry.collect())
    assert rig.kafka.looks == 1


@pytest.mark.parametrize(("failures", "told"), [(1, 2), (2, 2), (4, None)])
async def test_figures_outlive_a_short_outage_and_are_withdrawn_in_a_long_one(failures, told):
    """A gap would start every alert anew; a stale figure would be taken for the truth."""
    rig = Rig(REPORT, *([None] * 9))
    await rig.look(1 + failures)
    assert rig.value("kafka_topic_partitions", topic="events") == told
    assert rig.value("readmit_lag_exporter_failed_looks_total") == failures
    assert await rig.ready() == (told is not None)


async def test_it_ends_at_once_while_kafka_accepts_and_stays_silent():
    """It has a few seconds to end, and a look may take half a minute."""

    class SilentKafka(FakeKafka):
        async def read(self) -> LagReport:
            self.looks += 1
            await asyncio.Event().wait()
            raise AssertionError

    rig = Rig()
    silent = SilentKafka(rig.clock)
    metrics = LagMetrics(CollectorRegistry())
    looks = Looks(silent.connect, metrics, interval_s=0.001, withdraw_s=WITHDRAW_S, clock=rig.clock)
    stop = asyncio.Event()
    running = asyncio.create_task(looks.run(stop))
    while not silent.looks:
        await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, 2)


async def test_a_fault_of_its_own_ends_it():
    """A loop that is dead without a word would tell old figures for a while, and none after it."""

    class WrongKafka(FakeKafka):
        async def read(self) -> LagReport:
            raise ZeroDivisionError

    looks = Looks(
        WrongKafka(FakeClock()).connect,
        LagMetrics(CollectorRegistry()),
        interval_s=0.001,
        withdraw_s=WITHDRAW_S,
        clock=FakeClock(),
    )
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(looks.run(asyncio.Event()), 2)


async def test_it_connects_anew_after_a_failure_and_goes_on():
    """A broker that came back is found without a restart."""
    rig = Rig(None, None, REPORT)
    assert not await rig.ready()
    await rig.look(4)
    assert await rig.ready()
    assert rig.kafka.connections == 3
    assert rig.value("kafka_topic_partitions", topic="events") == 2


async def test_a_right_that_is_missing_is_a_look_that_failed_and_is_named():
    """Ended and started again and again, it would drown the one line that says which right."""
    rig = Rig(GroupAuthorizationFailedError("trainer"), REPORT)
    with structlog.testing.capture_logs() as logs:
        await rig.look(2)
    [line] = [line for line in logs if line["event"] == "look_failed"]
    assert line["reason"] == "this login lacks the right Describe on the group trainer"
    assert rig.value("readmit_lag_exporter_failed_looks_total") == 1
    assert rig.value("kafka_topic_partitions", topic="events") == 2
