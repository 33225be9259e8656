import asyncio
import itertools
from collections.abc import Iterable
from uuid import uuid4

import pytest
from predictor.metrics import PredictorMetrics
from predictor.promotions import Promotions, Verdict
from prometheus_client import CollectorRegistry
from readmit_contracts.envelope import Envelope, encode, to_headers
from readmit_contracts.events import ModelPromoted, ReplacedModel
from readmit_contracts.fields import Message
from readmit_contracts.predictions import ServedModel
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import MODELS_PROMOTED
from readmit_runtime.messages import IncomingRecord, OutgoingRecord
from readmit_runtime.testing.fake_broker import FakeBroker
from support.message_examples import EXAMPLES
from support.model_bundles import LINEAGE, OTHER_LINEAGE, promotion, promotion_record
from support.predictor_rig import QuickReader
from trainer.promotion.announced import lacks, tails_of

FIVE = tuple(promotion(f"{epoch:x}" * 64, epoch) for epoch in range(1, 6))


def _promotions(held: ServedModel | None = None, *, reopen_s: float = 5.0) -> Promotions:
    metrics = PredictorMetrics(CollectorRegistry())
    return Promotions("readmission", held=lambda: held, metrics=metrics, reopen_s=reopen_s)


def _consider(events: Iterable[ModelPromoted], *, held: ServedModel | None = None) -> tuple[Promotions, list[Verdict]]:
    promotions = _promotions(held)
    return promotions, [promotions.consider(event) for event in events]


def _record(outgoing: OutgoingRecord, *, offset: int = 0) -> IncomingRecord:
    return IncomingRecord(outgoing.topic, 0, offset, outgoing.key, outgoing.value, outgoing.headers, 0)


def _wanted_epoch(promotions: Promotions) -> int | None:
    return None if promotions.wanted is None else promotions.wanted.promotion.epoch


def test_every_order_of_five_promotions_with_duplicates_ends_at_the_highest_epoch() -> None:
    """Compaction, repeated announcements and restarts may bring any order; the last word must not depend on it."""
    for order in itertools.permutations(FIVE):
        for repeated in range(5):
            promotions, _ = _consider([*order, order[repeated], *order[:repeated]])
            assert promotions.wanted is not None
            assert promotions.wanted.promotion == FIVE[-1]


@pytest.mark.parametrize("cached", FIVE, ids=lambda event: f"epoch {event.epoch}")
def test_every_order_after_a_start_from_the_cache_ends_at_the_highest_epoch_too(cached: ModelPromoted) -> None:
    """What the last process served must neither be taken back nor keep the newest one out."""
    for order in itertools.permutations(FIVE):
        promotions = _promotions()
        promotions.hold(cached)
        for event in (*order, *order[:2]):
            promotions.consider(event)
            epoch = _wanted_epoch(promotions)
            assert epoch is not None
            assert epoch >= cached.epoch
        assert promotions.wanted is not None
        assert (promotions.wanted.promotion, promotions.wanted.confirmed) == (FIVE[-1], True)


def test_a_compacted_topic_that_was_written_out_of_order_ends_at_the_highest_epoch() -> None:
    """Compaction keeps what was written last; where that is old, the trainer announces the champion again."""
    champion = {"epoch": 5, "model_id": FIVE[-1].model_id, "mlflow_version": FIVE[-1].version}
    for order in itertools.permutations(FIVE):
        for cleaned in range(len(order)):
            left = [_record(promotion_record(event)) for event in order[cleaned:]]
            if lacks(tails_of(left).get("readmission"), champion):
                left.append(_record(promotion_record(FIVE[-1])))
            for cached in (None, order[0], FIVE[2]):
                promotions = _promotions()
                if cached is not None:
                    promotions.hold(cached)
                for record in left:
                    promotions.apply(record)
                assert _wanted_epoch(promotions) == 5


def test_what_the_cache_holds_is_confirmed_by_its_own_promotion_alone() -> None:
    """An older epoch in the topic says nothing about a newer one on the disk."""
    promotions = _promotions()
    promotions.hold(FIVE[2])
    assert promotions.consider(FIVE[1]) is Verdict.NOT_NEWER
    assert promotions.wanted is not None
    assert not promotions.wanted.confirmed
    assert [promotions.consider(FIVE[2]) for _ in range(2)] == [Verdict.TAKEN, Verdict.NOT_NEWER]
    assert promotions.wanted.confirmed


def test_the_wanted_epoch_never_falls_on_the_way() -> None:
    """A replica that went back for a moment would answer by a model that was withdrawn."""
    for order in itertools.permutations(FIVE):
        promotions = _promotions()
        epochs = []
        for event in order:
            promotions.consider(event)
            epochs.append(_wanted_epoch(promotions))
        assert epochs == sorted(epochs)


def test_a_repetition_changes_nothing() -> None:
    """The trainer announces again whenever the topic's tail differs from its table."""
    promotions, verdicts = _consider([FIVE[0], FIVE[0]])
    assert verdicts == [Verdict.TAKEN, Verdict.NOT_NEWER]
    assert promotions.wanted is not None


def test_a_known_epoch_with_another_model_is_a_conflict_and_is_not_taken() -> None:
    """An epoch is given once; whoever gives it twice must not decide what serves."""
    _, verdicts = _consider([FIVE[0], promotion("f" * 64, 1)])
    assert verdicts == [Verdict.TAKEN, Verdict.CONFLICT]


def test_a_repetition_that_names_the_version_is_taken_once() -> None:
    """The registry gives the version after the promotion; answers name it from then on."""
    plain = promotion("a" * 64, 3, version=None)
    named = promotion("a" * 64, 3, version="12")
    promotions, verdicts = _consider([plain, named, plain, named])
    assert verdicts == [Verdict.TAKEN, Verdict.TAKEN, Verdict.NOT_NEWER, Verdict.NOT_NEWER]
    assert promotions.wanted is not None
    assert promotions.wanted.promotion == named


def test_another_name_is_not_ours() -> None:
    """Several names may share the topic."""
    promotions, verdicts = _consider([promotion("a" * 64, 9, name="other")])
    assert verdicts == [Verdict.OTHER_NAME]
    assert promotions.wanted is None


def test_another_lineage_waits_until_it_names_the_promotion_last_taken() -> None:
    """Epochs of two databases do not compare, so only a promotion that knows ours may follow it."""
    last = FIVE[2]
    stranger = promotion("a" * 64, 99, lineage=OTHER_LINEAGE)
    unrelated = promotion(
        "b" * 64, 100, lineage=OTHER_LINEAGE, replaces=ReplacedModel(epoch=last.epoch, model_id="c" * 64)
    )
    successor = promotion(
        "d" * 64, 2, lineage=OTHER_LINEAGE, replaces=ReplacedModel(epoch=last.epoch, model_id=last.model_id)
    )
    promotions, verdicts = _consider([last, stranger, unrelated, successor])
    assert verdicts == [Verdict.TAKEN, Verdict.OTHER_LINEAGE, Verdict.OTHER_LINEAGE, Verdict.TAKEN]
    assert _wanted_epoch(promotions) == 2


def test_another_lineage_may_also_name_the_model_that_is_held() -> None:
    """A promotion that never loaded does not bind the replica to itself."""
    held = ServedModel(name="readmission", model_id="1" * 64, version=None, epoch=1, lineage=LINEAGE)
    successor = promotion("d" * 64, 7, lineage=OTHER_LINEAGE, replaces=ReplacedModel(epoch=1, model_id="1" * 64))
    _, verdicts = _consider([FIVE[0], FIVE[1], successor], held=held)
    assert verdicts[-1] is Verdict.TAKEN


def test_after_a_change_of_lineage_the_old_one_no_longer_counts() -> None:
    """A writer of the replaced database may still be alive."""
    successor = promotion(
        "d" * 64, 2, lineage=OTHER_LINEAGE, replaces=ReplacedModel(epoch=1, model_id=FIVE[0].model_id)
    )
    _, verdicts = _consider([FIVE[0], successor, FIVE[4]])
    assert verdicts[-1] is Verdict.OTHER_LINEAGE


@pytest.mark.parametrize(
    "spoiled",
    [
        OutgoingRecord(MODELS_PROMOTED.name, b"readmission", None),
        OutgoingRecord(MODELS_PROMOTED.name, b"readmission", b""),
        OutgoingRecord(MODELS_PROMOTED.name, b"readmission", b"{}", promotion_record(FIVE[0]).headers),
        OutgoingRecord(MODELS_PROMOTED.name, b"readmission", b"\xff", promotion_record(FIVE[0]).headers),
        OutgoingRecord(MODELS_PROMOTED.name, b"readmission", promotion_record(FIVE[0]).value, ()),
    ],
    ids=["tombstone", "empty", "no promotion", "no UTF-8", "no headers"],
)
def test_a_bad_message_is_counted_and_passed_over(spoiled: OutgoingRecord) -> None:
    """One message that nobody can read must not keep the next promotion from serving."""
    registry = CollectorRegistry()
    promotions = Promotions("readmission", held=lambda: None, metrics=PredictorMetrics(registry))
    assert promotions.apply(_record(spoiled)) is Verdict.UNREADABLE
    assert promotions.apply(_record(promotion_record(FIVE[1]), offset=1)) is Verdict.TAKEN
    count = registry.get_sample_value("readmit_predictor_read_promotions_total", {"verdict": "unreadable"})
    assert count == 1


def test_a_model_id_that_is_no_digest_is_unreadable() -> None:
    """The id becomes part of an object's key; a path in it must never get that far."""
    promoted = promotion_record(FIVE[0])
    value = (promoted.value or b"").replace(FIVE[0].model_id.encode(), b"../../etc/passwd")
    spoiled = OutgoingRecord(promoted.topic, promoted.key, value, promoted.headers)
    assert _promotions().apply(_record(spoiled)) is Verdict.UNREADABLE


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_only_a_promotion_is_taken_from_the_topic(message: Message) -> None:
    """The topic's reader sees whatever was written to it, well formed or not."""
    envelope = Envelope(id=uuid4(), type=ce_type(type(message)), source="/readmit/test")
    record = OutgoingRecord(MODELS_PROMOTED.name, message.key().encode(), encode(message), to_headers(envelope))
    verdict = _promotions().apply(_record(record))
    assert verdict is (Verdict.TAKEN if isinstance(message, ModelPromoted) else Verdict.UNREADABLE)


async def test_nothing_is_wanted_before_the_topic_was_read_to_its_end() -> None:
    """A process that starts should load the champion, not every champion before it."""
    broker = FakeBroker()
    broker.create_topic(MODELS_PROMOTED.name)
    for event in FIVE:
        broker.append(promotion_record(event))
    promotions, stop = _promotions(), asyncio.Event()
    waiting = asyncio.create_task(promotions.next_after(None, stop))
    await asyncio.sleep(0)
    following = asyncio.create_task(promotions.run(lambda: QuickReader(broker, MODELS_PROMOTED.name), stop))
    async with asyncio.timeout(10):
        wanted = await waiting
        stop.set()
        await following
    assert wanted is not None
    assert wanted.promotion == FIVE[-1]


async def test_reading_goes_on_when_the_topic_cannot_be_read_for_a_while() -> None:
    """A lost right must not end the process that holds the model."""
    broker = FakeBroker()
    broker.create_topic(MODELS_PROMOTED.name)
    broker.append(promotion_record(FIVE[0]))
    opened = 0

    class Forbidden(QuickReader):
        async def start(self) -> None:
            raise PermissionError("not authorised to read the topic")

    def open_reader() -> QuickReader:
        nonlocal opened
        opened += 1
        return (Forbidden if opened == 1 else QuickReader)(broker, MODELS_PROMOTED.name)

    promotions, stop = _promotions(reopen_s=0.01), asyncio.Event()
    following = asyncio.create_task(promotions.run(open_reader, stop))
    async with asyncio.timeout(10):
        assert await promotions.next_after(None, stop) is not None
        stop.set()
        await following
    assert opened == 2


async def test_waiting_for_a_promotion_ends_with_the_process() -> None:
    """A replica without any promotion must still stop when asked."""
    promotions, stop = _promotions(), asyncio.Event()
    waiting = asyncio.create_task(promotions.next_after(None, stop))
    await asyncio.sleep(0)
    stop.set()
    async with asyncio.timeout(10):
        assert await waiting is None
