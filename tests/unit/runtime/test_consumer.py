"""The consumer loop on a broker in memory: what is handled, committed and rewound, and in which order."""

import asyncio
from collections.abc import Sequence

import pytest
from readmit_runtime.dead_letters import DeadLetterLimit, TooManyDeadLetters
from readmit_runtime.errors import Transient
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.testing.fake_consumer import FakeConsumerClient
from support.consumer_bench import P0, P1, TOPIC, Bench, eventually


@pytest.fixture
def bench() -> Bench:
    """Return a fresh bench."""
    return Bench()


async def test_a_commit_names_the_next_offset_of_every_partition(bench: Bench) -> None:
    """Committing positions instead would skip what another task polled but nobody handled."""
    bench.fill(b"a", b"b", b"c")
    bench.fill(b"d", partition=1)
    async with bench.running():
        await eventually(lambda: bool(bench.committed))
    assert bench.store.groups == [[b"a", b"b", b"c", b"d"]]
    assert bench.client.commits == [{P0: 3, P1: 1}]


async def test_nothing_is_committed_before_effect_and_parking_are_durable(bench: Bench) -> None:
    """The handler's transaction holds both; an offset ahead of it would lose records in a crash."""
    bench.fill(b"a")
    bench.store.gate = asyncio.Event()
    async with bench.running():
        await eventually(lambda: bench.store.entered == 1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert bench.client.commits == []
        bench.store.gate.set()
        await eventually(lambda: bench.client.commits == [{P0: 1}])


async def test_a_transient_failure_commits_nothing_and_rewinds_every_partition(bench: Bench) -> None:
    """The same group comes again, whole, however many partitions it spans."""
    bench.fill(b"a", b"b")
    bench.fill(b"c", partition=1)
    bench.store.failures = [Transient("The store is away.")]
    async with bench.running():
        await eventually(lambda: bench.store.entered == 1)
        await eventually(lambda: bench.progress.transients == 1)
        assert bench.client.commits == []
        await eventually(lambda: bool(bench.committed))
    assert bench.store.groups == [[b"a", b"b", b"c"]]
    assert bench.client.commits == [{P0: 2, P1: 1}]


async def test_backing_off_keeps_polling_and_waits_longer_each_time(bench: Bench) -> None:
    """A member that stops polling loses its partitions, and a store that is down gets air."""
    bench.fill(b"a")
    bench.store.failures = [Transient("The store is away.") for _ in range(4)]
    started = bench.clock.monotonic()
    async with bench.running():
        await eventually(lambda: bool(bench.committed))
    assert bench.client.polls_paused >= 4
    assert bench.clock.monotonic() - started >= 1 + 2 + 4 + 8
    assert bench.progress.transients == 4
    assert bench.progress.attempt == 0


async def test_the_loop_beats_while_it_backs_off(bench: Bench) -> None:
    """Waiting for a dependency is life; killing the process would not bring the dependency back."""
    bench.fill(b"a")
    bench.store.failures = [Transient("The store is away.")] * 50
    async with bench.running():
        await eventually(lambda: bench.progress.transients == 5)
        beat = bench.progress.last_beat
        assert beat is not None
        assert bench.clock.monotonic() - beat <= 1.0
        assert bench.progress.attempt == 5
        assert bench.progress.behind == 1


async def test_a_stop_finishes_and_commits_the_group_in_hand(bench: Bench) -> None:
    """A deployment must not cost a redelivery."""
    bench.fill(b"a")
    bench.store.gate = asyncio.Event()
    async with bench.running() as task:
        await eventually(lambda: bench.store.entered == 1)
        bench.stop.set()
        bench.fill(b"b")
        bench.store.gate.set()
        await task
    assert bench.store.values == [b"a"]
    assert bench.client.commits == [{P0: 1}]
    assert bench.client.stopped


async def test_a_stop_ends_a_back_off(bench: Bench) -> None:
    """A service whose database is down must still end when asked."""
    bench.fill(b"a")
    bench.store.failures = [Transient("The store is away.")] * 50
    async with bench.running() as task:
        await eventually(lambda: bench.progress.transients == 4)
        bench.stop.set()
        asked = bench.clock.monotonic()
        await task
    assert bench.clock.monotonic() - asked < 1
    assert bench.client.commits == []
    assert bench.client.stopped


async def test_any_other_error_ends_the_loop_without_a_commit(bench: Bench) -> None:
    """What nobody foresaw is not swallowed: the process ends and its supervisor shows it."""
    bench.fill(b"a")
    bench.store.failures = [KeyError("a fault")]
    with pytest.raises(KeyError):
        async with bench.running() as task:
            await task
    assert bench.client.commits == []
    assert bench.client.stopped


async def test_too_many_dead_letters_end_the_loop_without_a_commit(bench: Bench) -> None:
    """A wrong release stops with its topic intact, instead of parking all of it."""
    bench.fill(*[b"bad"] * 25)
    limit = DeadLetterLimit(20)
    parked: list[int] = []

    async def park(records: Sequence[IncomingRecord]) -> None:
        limit.observe(good=0, parked=len(records))
        parked.append(len(records))

    with pytest.raises(TooManyDeadLetters, match="25 messages"):
        async with bench.running(park, max_records=10) as task:
            await eventually(task.done)
    assert parked == [10, 10]
    assert bench.committed == {P0: 20}


async def test_a_crash_between_effect_and_commit_delivers_again(bench: Bench) -> None:
    """At least once: the handler's own ledger is what makes it one effect."""
    bench.fill(b"a")

    async def crash(records: Sequence[IncomingRecord]) -> None:
        await bench.store(records)
        raise SystemExit

    with pytest.raises(SystemExit):
        await bench.loop(crash).run(bench.stop)
    bench.client = FakeConsumerClient(bench.broker, topics=[TOPIC])
    async with bench.running():
        await eventually(lambda: bool(bench.committed))
    assert bench.store.values == [b"a", b"a"]


async def test_a_group_is_gathered_from_several_polls(bench: Bench) -> None:
    """A transaction over forty chunks costs hardly more than one over four."""
    pieces = []

    class Piecewise(FakeConsumerClient):
        async def poll(self, timeout_s: float, *, max_records: int):  # type: ignore[no-untyped-def]
            pieces.append(max_records)
            return await super().poll(timeout_s, max_records=min(max_records, 3))

    bench.client = Piecewise(bench.broker, topics=[TOPIC])
    bench.fill(*[b"%d" % number for number in range(10)])
    async with bench.running(max_records=8):
        await eventually(lambda: bench.committed == {P0: 10})
    assert [len(group) for group in bench.store.groups] == [8, 2]
    assert {5, 2} <= set(pieces)


async def test_a_single_record_does_not_wait_for_company(bench: Bench) -> None:
    """Lingering where nothing more is known to come would only add latency to each command."""
    async with bench.running(group_wait_s=10):
        await eventually(lambda: bench.progress.assigned == 2)
        bench.fill(b"a")
        before = bench.clock.monotonic()
        await eventually(lambda: bool(bench.committed))
        assert bench.clock.monotonic() - before < 1


async def test_a_commit_that_the_broker_does_not_take_is_tried_again_without_the_records(bench: Bench) -> None:
    """The effect is done; only the offset is owed, and without it the group would look stuck."""

    class Deaf(FakeConsumerClient):
        deaf = 3

        async def commit(self, offsets):  # type: ignore[no-untyped-def]
            if self.deaf > 0:
                self.deaf -= 1
                raise Transient("The coordinator is away.")
            await super().commit(offsets)

    bench.client = Deaf(bench.broker, topics=[TOPIC])
    bench.fill(b"a")
    async with bench.running():
        await eventually(lambda: bench.committed == {P0: 1})
    assert bench.store.groups == [[b"a"]]
    assert bench.progress.commits_put_off == 3
    assert bench.progress.commits == 1


async def test_a_broker_that_is_away_at_the_start_is_waited_for(bench: Bench) -> None:
    """Services start in any order."""
    bench.broker.away = True
    bench.fill(b"a")
    async with bench.running():
        await eventually(lambda: bench.progress.transients == 3)
        assert not bench.progress.started
        bench.broker.away = False
        await eventually(lambda: bench.committed == {P0: 1})


async def test_a_broker_that_goes_away_costs_nothing(bench: Bench) -> None:
    """Polls that fail are tried again with the same patience as a handler that fails."""
    bench.fill(b"a")
    async with bench.running():
        await eventually(lambda: bench.committed == {P0: 1})
        bench.broker.away = True
        await eventually(lambda: bench.progress.transients >= 3)
        bench.broker.away = False
        bench.fill(b"b")
        await eventually(lambda: bench.committed == {P0: 2})
    assert bench.store.values == [b"a", b"b"]
