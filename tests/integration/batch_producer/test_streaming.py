"""What workers send, and who sends it when one dies, is cancelled or cannot go on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from batch_producer.streaming.worker import StreamingWorker
from readmit_contracts.chunks import read_headers, read_payload
from readmit_contracts.commands import CancelIngestion, ResumeIngestion
from readmit_contracts.events import IngestionFailed
from readmit_contracts.reasons import Reason
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import DeliveryUnknown, Outcome
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer
from support.batch_producer_rig import Rig, batches_broker, sent_chunks
from support.skeleton_dataset import write_skeleton

LIMIT_S = 20.0


class HaltingProducer(FakeProducer):
    """Stores `after` records and then does not answer any more, until `go_on` is set."""

    def __init__(self, broker: FakeBroker, *, after: int) -> None:
        super().__init__(broker)
        self._after = after
        self.halted = asyncio.Event()
        self.go_on = asyncio.Event()

    async def publish_all(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """Store, or wait."""
        if len(self.published) >= self._after:
            self.halted.set()
            await self.go_on.wait()
        return await super().publish_all(records)


@asynccontextmanager
async def running(worker: StreamingWorker) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a worker for the length of the block, then stop it in order."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(task, return_exceptions=True)


async def until_sent(rig: Rig, run_id: UUID) -> None:
    """Wait until every chunk of the run was confirmed."""
    async with asyncio.timeout(LIMIT_S):
        while (await rig.run(run_id))["sent_at"] is None:
            await asyncio.sleep(0.02)


async def until_state(rig: Rig, run_id: UUID, state: str) -> None:
    """Wait until the run is in this state."""
    async with asyncio.timeout(LIMIT_S):
        while (await rig.run(run_id))["state"] != state:
            await asyncio.sleep(0.02)


async def test_every_chunk_of_the_run_is_sent_as_planned(rig: Rig) -> None:
    """The ingestor checks each chunk by its headers and the plan; both must fit the bytes."""
    run_id = await rig.start(train=(2,), validation="all")
    producer = FakeProducer(batches_broker())

    async with running(rig.worker(producer)):
        await until_sent(rig, run_id)

    assert sent_chunks(producer.published) == [
        ("train", 2, 0),
        ("train", 2, 1),
        ("validation", 0, 0),
        ("validation", 0, 1),
        ("validation", 0, 2),
    ]
    planned = {
        (row["split"], row["batch"], row["chunk"]): row["sha256"]
        for row in await rig.admin.fetch("SELECT * FROM ingest.planned_chunks")
    }
    for record in producer.published:
        headers = read_headers(record.headers)
        assert len(read_payload(headers, record.value)) == headers.rows
        assert planned[headers.split, headers.batch, headers.chunk] == headers.sha256
    run = await rig.run(run_id)
    assert (run["state"], run["lease_owner"], run["lease_until"]) == ("streaming", None, None)


async def test_chunks_with_a_ledger_row_are_not_sent(rig: Rig) -> None:
    """What arrived is done, whichever run brought it."""
    run_id = await rig.start(validation="all")
    await rig.enter_ledger("validation", 0, [0, 2])
    producer = FakeProducer(batches_broker())

    async with running(rig.worker(producer)):
        await until_sent(rig, run_id)

    assert sent_chunks(producer.published) == [("validation", 0, 1)]


async def test_runs_are_served_in_the_order_of_their_plans(rig: Rig) -> None:
    """First come, first served: a large run started first is not overtaken for ever."""
    first, second = await rig.start(train=(2,)), await rig.start(validation="all")
    producer = FakeProducer(batches_broker())

    async with running(rig.worker(producer)):
        await until_sent(rig, second)

    assert (await rig.run(first))["sent_at"] <= (await rig.run(second))["sent_at"]
    assert [split for split, _, _ in sent_chunks(producer.published)] == ["train"] * 2 + ["validation"] * 3


async def test_two_runs_over_the_same_batch_both_send_what_is_missing(rig: Rig) -> None:
    """Neither may rely on the other, which can be cancelled; the ledger takes each chunk once."""
    first, second = await rig.start(train=(2,)), await rig.start(train=(2,))
    producer = FakeProducer(batches_broker())

    async with running(rig.worker(producer)):
        await until_sent(rig, first)
        await until_sent(rig, second)

    assert sent_chunks(producer.published) == [("train", 2, 0), ("train", 2, 1)] * 2
    assert producer.published[:2] == producer.published[2:]


async def test_two_workers_never_hold_one_run(rig: Rig) -> None:
    """The lease is what keeps a second process from doing the same work at the same time."""
    run_ids = [await rig.start(train=(2,)) for _ in range(4)]
    producers = [FakeProducer(batches_broker()) for _ in range(2)]

    async with running(rig.worker(producers[0], owner="one")), running(rig.worker(producers[1], owner="two")):
        for run_id in run_ids:
            await until_sent(rig, run_id)

    assert [(await rig.run(run_id))["attempt"] for run_id in run_ids] == [1] * 4
    assert sum(len(producer.published) for producer in producers) == 8


async def test_a_cancelled_run_is_not_sent_any_further(rig: Rig) -> None:
    """Cancel works between chunks, not at the end of what was begun."""
    run_id = await rig.start(train="all")
    producer = HaltingProducer(batches_broker(), after=5)

    async with running(rig.worker(producer, lease_s=15, check_s=5)):
        await producer.halted.wait()
        await rig.do(CancelIngestion(run_id=run_id, reason="enough"))
        producer.go_on.set()
        await asyncio.sleep(0.3)

    run = await rig.run(run_id)
    assert len(producer.published) == 6  # the one that was in flight arrives
    assert (run["state"], run["sent_at"]) == ("cancelled", None)


async def test_a_cancel_is_seen_while_kafka_does_not_answer(rig: Rig) -> None:
    """The renewal of the lease sees it, so the worker goes on to the next run."""
    run_id = await rig.start(train="all")
    producer = HaltingProducer(batches_broker(), after=5)

    async with running(rig.worker(producer, check_s=0.05)):
        await producer.halted.wait()
        await rig.do(CancelIngestion(run_id=run_id, reason="enough"))
        next_run = await rig.start(validation="all")
        await until_state(rig, next_run, "streaming")
        producer.go_on.set()
        await until_sent(rig, next_run)

    assert [split for split, _, _ in sent_chunks(producer.published)] == ["train"] * 5 + ["validation"] * 3


async def test_a_dead_workers_run_is_finished_by_another_with_what_is_missing(rig: Rig) -> None:
    """Kill -9 costs the rest of a lease and no chunk."""
    run_id = await rig.start(train=(0,), validation="all")
    dying = HaltingProducer(batches_broker(), after=20)
    worker = asyncio.create_task(rig.worker(dying, owner="dying", lease_s=1, check_s=0.2).run(asyncio.Event()))
    await dying.halted.wait()
    worker.cancel()  # at once, as a kill: the lease is not given back
    await asyncio.gather(worker, return_exceptions=True)
    await rig.enter_ledger("train", 0, range(20))
    assert (await rig.run(run_id))["lease_owner"] == "dying"
    producer = FakeProducer(batches_broker())

    async with running(rig.worker(producer, owner="other", lease_s=1, check_s=0.2)):
        await until_sent(rig, run_id)

    expected = [("train", 0, chunk) for chunk in range(20, 30)] + [("validation", 0, chunk) for chunk in range(3)]
    assert sent_chunks(producer.published) == expected
    assert (await rig.run(run_id))["attempt"] == 2


async def test_a_worker_that_is_stopped_gives_its_run_back_at_once(rig: Rig) -> None:
    """A deployment must not cost a lease."""
    run_id = await rig.start(train=(0,))
    leaving = HaltingProducer(batches_broker(), after=3)
    async with running(rig.worker(leaving, lease_s=300)):
        await leaving.halted.wait()
        leaving.go_on.set()
    run = await rig.run(run_id)
    assert (run["state"], run["sent_at"], run["lease_until"]) == ("streaming", None, None)

    async with running(rig.worker(FakeProducer(batches_broker()))):
        await until_sent(rig, run_id)


async def test_what_a_former_holder_writes_has_no_effect(rig: Rig) -> None:
    """A worker that was paused for longer than its lease may wake up at any point of its work."""
    run_id = await rig.start(train=(2,))
    store = rig.streaming()
    former = await store.claim()
    assert former is not None
    await rig.admin.execute("UPDATE ingest.runs SET lease_until = now() - interval '1 s'")
    holder = await store.claim()
    assert holder is not None

    assert not await store.renew(former)
    assert not await store.held(former)
    assert not await store.finish(former)
    assert not await store.fail(former, "DATASET_MISSING", "gone")
    await store.release(former)

    run = await rig.run(run_id)
    assert (run["state"], run["attempt"], run["lease_owner"]) == ("streaming", holder.attempt, "test")
    assert await store.finish(holder)


async def test_a_resume_fences_off_the_worker_of_the_failed_attempt(rig: Rig) -> None:
    """Else a late "all was sent" of before the failure would leave the resumed run unsent."""
    run_id = await rig.start(train=(0,))
    store = rig.streaming()
    former = await store.claim()
    assert former is not None
    await rig.fill("train", 0, "failed")
    await rig.admin.fetch("SELECT * FROM ingest.fail_runs($1)", [run_id])
    await rig.do(ResumeIngestion(run_id=run_id))

    assert not await store.finish(former)
    assert (await rig.run(run_id))["sent_at"] is None


async def test_an_outage_of_kafka_is_waited_out(rig: Rig) -> None:
    """Nothing fails for an outage: the run goes on when the broker is back."""
    run_id = await rig.start(validation="all")
    broker = batches_broker()
    broker.away = True
    producer = FakeProducer(broker)

    async with running(rig.worker(producer)):
        async with asyncio.timeout(LIMIT_S):
            while (await rig.run(run_id))["attempt"] < 3:
                await asyncio.sleep(0.02)
        assert (await rig.run(run_id))["state"] == "streaming"
        broker.away = False
        await until_sent(rig, run_id)

    assert sent_chunks(producer.published) == [("validation", 0, chunk) for chunk in range(3)]


async def test_an_unconfirmed_chunk_is_sent_again(rig: Rig) -> None:
    """Unknown is not sent: a second one is harmless, a missing one is not."""
    run_id = await rig.start(validation="all")
    doubts = [DeliveryUnknown("no answer")]
    producer = FakeProducer(
        batches_broker(), refuse=lambda _record: doubts.pop() if doubts else None, store_unknown=True
    )

    async with running(rig.worker(producer, chunks_in_flight=10)):
        await until_sent(rig, run_id)

    assert sent_chunks(producer.published) == [("validation", 0, chunk) for chunk in (0, 1, 2, 0, 1, 2)]


async def test_a_run_whose_file_is_gone_fails_and_can_be_resumed(rig: Rig) -> None:
    """Waiting for a file that nobody misses would hide the fault; the plan stays, so the file is all it needs."""
    run_id = await rig.start(train=(2,))
    content = rig.path.read_bytes()
    rig.path.unlink()

    async with running(rig.worker(FakeProducer(batches_broker()))):
        await until_state(rig, run_id, "failed")
    [failed] = await rig.events(IngestionFailed)
    assert (failed.run_id, failed.reason) == (run_id, Reason.DATASET_MISSING)

    rig.path.write_bytes(content)
    await rig.do(ResumeIngestion(run_id=run_id))
    producer = FakeProducer(batches_broker())
    async with running(rig.worker(producer)):
        await until_sent(rig, run_id)
    assert sent_chunks(producer.published) == [("train", 2, 0), ("train", 2, 1)]


async def test_a_run_whose_file_became_another_fails(rig: Rig) -> None:
    """Its chunks would not be those that were planned."""
    run_id = await rig.start(train=(2,))
    write_skeleton(rig.path, train=30_700, first=7)
    producer = FakeProducer(batches_broker())

    async with running(rig.worker(producer)):
        await until_state(rig, run_id, "failed")

    assert (await rig.run(run_id))["reason"] == Reason.DATASET_SHA256
    assert producer.published == []


async def test_chunks_that_are_no_longer_as_planned_fail_the_run(rig: Rig) -> None:
    """A release that cuts otherwise must stop here, not as a batch full of conflicts."""
    run_id = await rig.start(train=(2,))
    await rig.admin.execute("UPDATE ingest.planned_chunks SET sha256 = repeat('0', 64) WHERE batch = 2 AND chunk = 1")
    producer = FakeProducer(batches_broker())

    async with running(rig.worker(producer)):
        await until_state(rig, run_id, "failed")

    assert (await rig.run(run_id))["reason"] == Reason.CHUNK_CONFLICT
    assert producer.published == []


async def test_a_run_planned_meanwhile_is_seen_when_the_worker_is_woken(rig: Rig) -> None:
    """The plan and its streaming are in one process; a poll's wait between them would be for nothing."""
    worker = rig.worker(FakeProducer(batches_broker()), poll_s=60)

    async with running(worker):
        await asyncio.sleep(0.2)
        run_id = await rig.start(train=(2,))
        worker.wake()
        await until_sent(rig, run_id)


async def test_every_sent_chunk_is_confirmed_before_the_run_counts_as_sent(rig: Rig) -> None:
    """Sent means that Kafka has it, not that it was handed to a buffer."""
    run_id = await rig.start(validation="all")
    producer = HaltingProducer(batches_broker(), after=2)

    async with running(rig.worker(producer)):
        await producer.halted.wait()
        assert (await rig.run(run_id))["sent_at"] is None
        producer.go_on.set()
        await until_sent(rig, run_id)
