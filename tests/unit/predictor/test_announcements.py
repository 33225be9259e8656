import asyncio

from predictor.announcements import MOST_WAITING
from readmit_contracts.events import ModelLoaded
from readmit_runtime.errors import Rejected
from readmit_runtime.producer import DeliveryUnknown
from support.model_bundles import LINEAGE
from support.predictor_rig import REPLICA, PredictorRig, eventually


def _loaded(epoch: int) -> ModelLoaded:
    return ModelLoaded(
        replica=REPLICA, model="readmission", epoch=epoch, lineage=LINEAGE, model_id="a1" * 32, duration_s=0.1
    )


async def _run(rig: PredictorRig, stop: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await rig.announcements.run(stop)


async def test_news_arrives_in_order_also_after_an_outage() -> None:
    """The last word of a replica must be its newest."""
    rig, stop = PredictorRig(), asyncio.Event()
    rig.broker.away = True
    running = asyncio.create_task(_run(rig, stop))
    for epoch in (1, 2, 3):
        rig.announcements.announce(_loaded(epoch))
    await eventually(lambda: rig.sample("readmit_predictor_failed_deliveries_total", kind="announcement") >= 2)
    rig.broker.away = False
    await eventually(lambda: len(rig.sent(ModelLoaded)) == 3)
    stop.set()
    await running
    assert [event.epoch for event in rig.sent(ModelLoaded)] == [1, 2, 3]


async def test_a_repetition_has_the_same_id_and_bytes() -> None:
    """A reader that knows the id drops the second one."""
    rig, stop = PredictorRig(), asyncio.Event()
    rig.producer.store_unknown = True
    left = [DeliveryUnknown("no confirmation")]
    rig.producer.refuse = lambda _record: left.pop() if left else None
    rig.announcements.announce(_loaded(1))
    running = asyncio.create_task(_run(rig, stop))
    await eventually(lambda: len(rig.producer.published) == 2)
    stop.set()
    await running
    first, second = rig.producer.published
    assert first == second


async def test_what_is_queued_is_published_at_the_end() -> None:
    """A load just before the stop happened all the same."""
    rig, stop = PredictorRig(), asyncio.Event()
    stop.set()
    rig.announcements.announce(_loaded(1))
    await _run(rig, stop)
    assert len(rig.sent(ModelLoaded)) == 1


async def test_the_queue_is_bounded_and_keeps_the_newest() -> None:
    """After a long outage the last loads are what still matters."""
    rig, stop = PredictorRig(), asyncio.Event()
    for epoch in range(1, MOST_WAITING + 51):
        rig.announcements.announce(_loaded(epoch))
    stop.set()
    await _run(rig, stop)
    assert [event.epoch for event in rig.sent(ModelLoaded)] == list(range(51, MOST_WAITING + 51))


async def test_a_message_that_kafka_never_takes_does_not_block_the_next() -> None:
    """Waiting for what cannot succeed would silence the replica for good."""
    rig, stop = PredictorRig(), asyncio.Event()
    rig.producer.refuse = lambda record: Rejected("TOO_LARGE", "too large") if b'"epoch":1,' in record.value else None
    rig.announcements.announce(_loaded(1))
    rig.announcements.announce(_loaded(2))
    stop.set()
    await _run(rig, stop)
    assert [event.epoch for event in rig.sent(ModelLoaded)] == [2]
