import asyncio
import time
from collections.abc import Callable

import msgspec
import pytest
from predictor.promoted_bundle import PromotedBundle
from predictor.trial_process import TrialUnfinished
from readmit_contracts.bundle import (
    CALIBRATION_FILE,
    FEATURES_FILE,
    GOLDEN_FILE,
    MANIFEST_FILE,
    MAX_BYTES,
    MODEL_FILE,
    bundle_key,
)
from readmit_contracts.events import ModelLoaded, ModelLoadFailed, ReplacedModel
from readmit_contracts.golden import Golden
from readmit_features import FEATURE_VERSION
from readmit_runtime.object_store import StoredObject
from readmit_runtime.producer import DeliveryUnknown
from readmit_runtime.testing.fake_object_store import FakeObjectStore
from support.model_bundles import OTHER_LINEAGE, bundle_of, model_bundle, promotion
from support.predictor_rig import PATIENCE_S, REPLICA, PredictorRig, TrialInProcess, eventually
from trainer.bundle import BundleFiles

ABSENT_MODEL = "ab" * 32


@pytest.fixture
def rig() -> PredictorRig:
    """A predictor whose store holds two models."""
    rig = PredictorRig()
    rig.store_bundle(model_bundle(1))
    rig.store_bundle(model_bundle(2))
    return rig


def _served_epoch(rig: PredictorRig) -> int | None:
    identity = rig.serving.identity()
    return None if identity is None else identity.epoch


def _changed(name: str, change: Callable[[bytes], bytes]) -> BundleFiles:
    """Give a bundle with one file changed and the manifest made to fit: only the content is wrong."""
    files = dict(model_bundle(2).files)
    return bundle_of({**files, name: change(files[name])})


def _replaced(name: str, old: bytes, new: bytes) -> BundleFiles:
    return _changed(name, lambda content: content.replace(old, new, 1))


async def test_a_promotion_is_loaded_announced_and_served(rig: PredictorRig) -> None:
    """The event is the proof for the trainer that this replica answers with the model."""
    rig.publish(promotion(model_bundle(1).model_id, 3))
    async with rig.running():
        await eventually(lambda: _served_epoch(rig) == 3)
    (event,) = rig.sent(ModelLoaded)
    assert (event.replica, event.epoch, event.model_id) == (REPLICA, 3, model_bundle(1).model_id)
    assert rig.sample("readmit_predictor_served_epoch") == 3


async def test_only_the_champion_is_loaded_at_the_start(rig: PredictorRig) -> None:
    """Earlier promotions in the topic may name models that are gone by now."""
    rig.publish(promotion(ABSENT_MODEL, 1))
    rig.publish(promotion(model_bundle(1).model_id, 2))
    async with rig.running():
        await eventually(lambda: _served_epoch(rig) == 2)
    assert not rig.sent(ModelLoadFailed)


async def test_a_newer_promotion_replaces_the_model(rig: PredictorRig) -> None:
    """A promotion, or a rollback as a new epoch of an old model, takes effect without a restart."""
    async with rig.running():
        for epoch, seed in ((1, 1), (2, 2), (3, 1)):
            rig.publish(promotion(model_bundle(seed).model_id, epoch))
            await eventually(lambda epoch=epoch: _served_epoch(rig) == epoch)
    assert [event.model_id for event in rig.sent(ModelLoaded)] == [model_bundle(seed).model_id for seed in (1, 2, 1)]


@pytest.mark.parametrize("name", [MANIFEST_FILE, *MAX_BYTES])
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0], ids=["first byte", "middle byte", "last byte"])
async def test_a_bundle_with_one_byte_changed_is_refused_and_the_old_model_serves_on(
    rig: PredictorRig, name: str, place: float
) -> None:
    """The id names the content; whatever else lies there must not answer for it."""
    key = bundle_key(model_bundle(2).model_id, name)
    spoiled = bytearray(rig.store.objects[key])
    spoiled[int(place * (len(spoiled) - 1))] ^= 1
    rig.store.objects[key] = bytes(spoiled)
    rig.publish(promotion(model_bundle(1).model_id, 1))
    async with rig.running():
        await eventually(lambda: _served_epoch(rig) == 1)
        before = rig.serving.current
        rig.publish(promotion(model_bundle(2).model_id, 2))
        await eventually(lambda: bool(rig.sent(ModelLoadFailed)))
        assert rig.serving.current is before
    (event,) = rig.sent(ModelLoadFailed)
    assert (event.reason, event.epoch) == ("BUNDLE_SHA256", 2)
    assert _served_epoch(rig) == 1


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b" "], ids=["cut", "grown"])
@pytest.mark.parametrize("name", [MANIFEST_FILE, *MAX_BYTES])
async def test_a_bundle_with_a_file_of_another_length_is_refused(
    rig: PredictorRig, name: str, change: Callable[[bytes], bytes]
) -> None:
    """A half upload, or one that went on too long, is no bundle."""
    key = bundle_key(model_bundle(2).model_id, name)
    rig.store.objects[key] = change(rig.store.objects[key])
    rig.publish(promotion(model_bundle(2).model_id))
    async with rig.running():
        await eventually(lambda: bool(rig.sent(ModelLoadFailed)))
    assert rig.sent(ModelLoadFailed)[0].reason == "BUNDLE_SHA256"


@pytest.mark.parametrize(
    ("bundle", "reason"),
    [
        (lambda: _changed(MODEL_FILE, lambda _: b"tree\nobjective=binary sigmoid:1\n\n"), "BUNDLE_INVALID"),
        (lambda: _changed(MODEL_FILE, lambda _: b"not a model"), "BUNDLE_INVALID"),
        (lambda: _changed(MODEL_FILE, lambda _: b"\xff\nobjective=binary \n\n"), "BUNDLE_INVALID"),
        (lambda: _replaced(MODEL_FILE, b"binary sigmoid:1", b"regression"), "BUNDLE_INVALID"),
        (lambda: _changed(FEATURES_FILE, lambda _: b"{}"), "BUNDLE_INVALID"),
        (lambda: _replaced(FEATURES_FILE, b'"version":1', b'"version":99'), "FEATURE_VERSION"),
        (lambda: _changed(CALIBRATION_FILE, lambda _: b"[]"), "BUNDLE_INVALID"),
        (lambda: _replaced(CALIBRATION_FILE, b"0.9", b"0.8"), "GOLDEN_MISMATCH"),
        (lambda: _changed(GOLDEN_FILE, lambda _: b'{"rows":[]}'), "BUNDLE_INVALID"),
        (lambda: _changed(GOLDEN_FILE, _other_probability), "GOLDEN_MISMATCH"),
        (lambda: _changed(GOLDEN_FILE, _other_feature), "GOLDEN_MISMATCH"),
        (lambda: _changed(GOLDEN_FILE, _lacks_a_column), "BUNDLE_INVALID"),
        (lambda: _changed(MODEL_FILE, lambda _: model_bundle(1).files[MODEL_FILE]), "GOLDEN_MISMATCH"),
        (lambda: _replaced(FEATURES_FILE, b'"AfricanAmerican",', b""), "GOLDEN_MISMATCH"),
    ],
    ids=[
        "empty model", "no model", "no text", "another objective", "no features", "a later feature version",
        "no calibration", "another calibration", "no golden rows", "another golden answer", "another golden feature",
        "a golden row without a column", "another model's trees", "another vocabulary",
    ],
)  # fmt: skip
async def test_a_consistent_bundle_that_is_wrong_inside_is_refused(
    rig: PredictorRig, bundle: Callable[[], BundleFiles], reason: str
) -> None:
    """Digests say that nothing was changed on the way, not that it was right to begin with."""
    wrong = bundle()
    rig.store_bundle(wrong)
    rig.publish(promotion(model_bundle(1).model_id, 1))
    async with rig.running():
        await eventually(lambda: _served_epoch(rig) == 1)
        rig.publish(promotion(wrong.model_id, 2))
        await eventually(lambda: bool(rig.sent(ModelLoadFailed)))
    assert rig.sent(ModelLoadFailed)[0].reason == reason
    assert _served_epoch(rig) == 1


def _other_probability(data: bytes) -> bytes:
    return _with_first_row(data, lambda row: msgspec.structs.replace(row, probability=row.probability + 1e-6))


def _other_feature(data: bytes) -> bytes:
    return _with_first_row(data, lambda row: msgspec.structs.replace(row, features=(99.0, *row.features[1:])))


def _lacks_a_column(data: bytes) -> bytes:
    return _with_first_row(data, lambda row: msgspec.structs.replace(row, record={"age": "[70-80)"}))


def _with_first_row(data: bytes, change: Callable[[msgspec.Struct], msgspec.Struct]) -> bytes:
    golden = msgspec.json.decode(data, type=Golden)
    return msgspec.json.encode({"rows": [change(golden.rows[0]), *golden.rows[1:]]})


async def test_a_model_of_a_feature_version_from_the_future_is_not_even_fetched(rig: PredictorRig) -> None:
    """During a rolling upgrade an old replica may see a model that only new ones can read."""
    rig.store.away = True
    rig.publish(promotion(model_bundle(1).model_id, feature_version=FEATURE_VERSION + 1))
    async with rig.running():
        await eventually(lambda: bool(rig.sent(ModelLoadFailed)))
    assert rig.sent(ModelLoadFailed)[0].reason == "FEATURE_VERSION"


async def test_a_missing_bundle_is_tried_again_until_it_is_restored(rig: PredictorRig) -> None:
    """A model that does not exist is refused; one that comes back needs nobody to promote it again."""
    bundle = model_bundle(3)
    rig.publish(promotion(bundle.model_id))
    async with rig.running():
        await eventually(lambda: rig.sample("readmit_predictor_failed_loads_total", reason="BUNDLE_MISSING") >= 3)
        rig.store_bundle(bundle)
        await eventually(lambda: _served_epoch(rig) == 1)
    (event,) = rig.sent(ModelLoadFailed)
    assert event.reason == "BUNDLE_MISSING"


async def test_an_outage_of_the_object_store_delays_the_load(rig: PredictorRig) -> None:
    """The promotion is not lost, and its failure is announced once, not once an attempt."""
    rig.store.away = True
    rig.publish(promotion(model_bundle(1).model_id))
    async with rig.running():
        await eventually(lambda: rig.sample("readmit_predictor_failed_loads_total", reason="OBJECT_STORE") >= 3)
        rig.store.away = False
        await eventually(lambda: _served_epoch(rig) == 1)
    assert [event.reason for event in rig.sent(ModelLoadFailed)] == ["OBJECT_STORE"]


async def test_a_newer_epoch_ends_the_retry_of_an_older_one(rig: PredictorRig) -> None:
    """The older model's bundle may never come back."""
    rig.publish(promotion(ABSENT_MODEL, 1))
    async with rig.running():
        await eventually(lambda: bool(rig.sent(ModelLoadFailed)))
        rig.publish(promotion(model_bundle(2).model_id, 2))
        await eventually(lambda: _served_epoch(rig) == 2)
        failed = rig.sample("readmit_predictor_failed_loads_total", reason="BUNDLE_MISSING")
        rig.publish(promotion(model_bundle(1).model_id, 3))
        await eventually(lambda: _served_epoch(rig) == 3)
        assert rig.sample("readmit_predictor_failed_loads_total", reason="BUNDLE_MISSING") == failed


async def test_a_newer_epoch_ends_a_download_that_hangs() -> None:
    """A store that answers nothing would keep the newer model waiting for the whole time limit."""

    class Hanging(FakeObjectStore):
        hangs = ""

        async def get(self, key: str, *, max_bytes: int) -> bytes:
            if self.hangs and self.hangs in key:
                await asyncio.Event().wait()
            return await super().get(key, max_bytes=max_bytes)

    store = Hanging()
    store.hangs = model_bundle(1).model_id
    rig = PredictorRig(store=store)
    rig.store_bundle(model_bundle(1))
    rig.store_bundle(model_bundle(2))
    rig.publish(promotion(model_bundle(1).model_id, 1))
    async with rig.running():
        await eventually(lambda: rig.loader.busy)
        began = time.monotonic()
        rig.publish(promotion(model_bundle(2).model_id, 2))
        await eventually(lambda: _served_epoch(rig) == 2)
        assert time.monotonic() - began < PATIENCE_S / 2
        store.hangs = ""
        await asyncio.sleep(0.1)
        assert _served_epoch(rig) == 2
    assert not rig.sent(ModelLoadFailed)


async def test_a_newer_epoch_ends_the_trial_of_an_older_one() -> None:
    """The same for a child that thinks for long; what it would have said counts no more."""

    class Slow(TrialInProcess):
        async def check(self, bundle: PromotedBundle) -> None:
            if bundle.promotion.epoch == 1:
                await asyncio.Event().wait()
            await super().check(bundle)

    rig = PredictorRig(trial=Slow())
    rig.store_bundle(model_bundle(1))
    rig.store_bundle(model_bundle(2))
    rig.publish(promotion(model_bundle(1).model_id, 1))
    async with rig.running():
        await eventually(lambda: rig.loader.busy)
        rig.publish(promotion(model_bundle(2).model_id, 2))
        await eventually(lambda: _served_epoch(rig) == 2)


async def test_a_trial_without_an_end_is_repeated() -> None:
    """What a crowded machine could not find out once, it may find out later."""

    class Crowded(TrialInProcess):
        tried = 0

        async def check(self, bundle: PromotedBundle) -> None:
            self.tried += 1
            if self.tried < 3:
                raise TrialUnfinished("The trial took longer than 30 s; it is repeated.")
            await super().check(bundle)

    rig = PredictorRig(trial=Crowded())
    rig.store_bundle(model_bundle(1))
    rig.publish(promotion(model_bundle(1).model_id, 1))
    async with rig.running():
        await eventually(lambda: _served_epoch(rig) == 1)
    assert [event.reason for event in rig.sent(ModelLoadFailed)] == ["TRIAL_UNFINISHED"]


async def test_a_refused_bundle_is_not_tried_again(rig: PredictorRig) -> None:
    """What is wrong by its own digest stays wrong; the next promotion ends the matter."""
    wrong = _changed(MODEL_FILE, lambda _: b"not a model")
    rig.store_bundle(wrong)
    rig.publish(promotion(wrong.model_id, 1))
    async with rig.running():
        await eventually(lambda: bool(rig.sent(ModelLoadFailed)) and not rig.loader.busy)
        rig.publish(promotion(model_bundle(1).model_id, 2))
        await eventually(lambda: _served_epoch(rig) == 2)
    assert rig.sample("readmit_predictor_failed_loads_total", reason="BUNDLE_INVALID") == 1


async def test_whatever_the_store_raises_the_old_model_serves_on() -> None:
    """Lost rights or a bug in a client must cost a load, never the process."""

    class Broken(FakeObjectStore):
        broken = False

        async def get(self, key: str, *, max_bytes: int) -> bytes:
            if self.broken:
                raise RuntimeError("not a kind of error that anyone expects")
            return await super().get(key, max_bytes=max_bytes)

    store = Broken()
    rig = PredictorRig(store=store)
    rig.store_bundle(model_bundle(1))
    rig.store_bundle(model_bundle(2))
    rig.publish(promotion(model_bundle(1).model_id, 1))
    async with rig.running():
        await eventually(lambda: _served_epoch(rig) == 1)
        store.broken = True
        rig.publish(promotion(model_bundle(2).model_id, 2))
        await eventually(lambda: bool(rig.sent(ModelLoadFailed)))
        store.broken = False
        await eventually(lambda: _served_epoch(rig) == 2)


async def test_no_file_is_read_beyond_the_size_that_its_manifest_names(rig: PredictorRig) -> None:
    """An endless object must not fill the memory of a process that is serving."""
    asked: dict[str, int] = {}

    class Watched(FakeObjectStore):
        async def get(self, key: str, *, max_bytes: int) -> bytes:
            asked[key] = max_bytes
            return await super().get(key, max_bytes=max_bytes)

        async def stat(self, key: str) -> StoredObject | None:
            raise AssertionError("keys are known, nothing needs to be looked up")

    bundle = model_bundle(1)
    rig = PredictorRig(store=Watched())
    rig.store_bundle(bundle)
    rig.publish(promotion(bundle.model_id))
    async with rig.running():
        await eventually(lambda: _served_epoch(rig) == 1)
    sizes = {bundle_key(bundle.model_id, name): len(content) for name, content in bundle.files.items()}
    assert {key: limit for key, limit in asked.items() if not key.endswith(MANIFEST_FILE)} == sizes


async def test_a_promotion_of_another_lineage_that_names_ours_is_loaded(rig: PredictorRig) -> None:
    """After a move to a new database, epochs start again below those that were served."""
    first = promotion(model_bundle(1).model_id, 50)
    rig.publish(first)
    async with rig.running():
        await eventually(lambda: _served_epoch(rig) == 50)
        replaced = ReplacedModel(epoch=50, model_id=first.model_id)
        rig.publish(promotion(model_bundle(2).model_id, 2, lineage=OTHER_LINEAGE, replaces=replaced))
        await eventually(lambda: _served_epoch(rig) == 2)


async def test_the_model_in_memory_takes_a_new_promotion_of_itself_without_the_object_store(rig: PredictorRig) -> None:
    """A model's id is its content, so there is nothing to fetch that is not there."""
    model_id = model_bundle(1).model_id
    rig.publish(promotion(model_id, 1, version=None))
    async with rig.running():
        await eventually(lambda: _served_epoch(rig) == 1)
        rig.store.away = True
        rig.publish(promotion(model_id, 1, version="4"))
        await eventually(lambda: rig.serving.identity().version == "4")
        rig.publish(promotion(model_id, 2, version="4"))
        await eventually(lambda: _served_epoch(rig) == 2)
    assert not rig.sent(ModelLoadFailed)


async def test_an_outage_of_kafka_delays_the_news_and_loses_none(rig: PredictorRig) -> None:
    """The model answers as soon as it is loaded; who wants to know learns it when Kafka is back."""
    rig.publish(promotion(model_bundle(1).model_id))
    async with rig.running():
        away = rig.producer
        away.refuse = _unavailable
        await eventually(lambda: _served_epoch(rig) == 1)
        await eventually(lambda: rig.sample("readmit_predictor_failed_deliveries_total", kind="announcement") >= 2)
        away.refuse = None
        await eventually(lambda: bool(rig.sent(ModelLoaded)))
    assert len(rig.sent(ModelLoaded)) == 1


def _unavailable(_record: object) -> DeliveryUnknown:
    return DeliveryUnknown("Kafka is away.")
