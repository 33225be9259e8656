"""A process starts with what it kept, and never with anything that is not what was kept."""

import asyncio
import resource
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from predictor.model_cache import MOST_KEPT, ModelCache
from predictor.promoted_bundle import PromotedBundle
from predictor.trial_process import TrialUnfinished
from readmit_contracts.bundle import GOLDEN_FILE, MODEL_FILE
from readmit_contracts.events import ModelLoaded, ModelPromoted, ReplacedModel
from support.model_bundles import OTHER_LINEAGE, bundle_of, fetched, model_bundle, promotion
from support.predictor_rig import PredictorRig, TrialInProcess, eventually

DISCARDED = "readmit_predictor_discarded_models_total"
UNCONFIRMED = "readmit_predictor_unconfirmed_models"


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    """An empty cache."""
    return ModelCache(tmp_path / "models")


def _promoted(seed: int, epoch: int, **fields: object) -> ModelPromoted:
    return promotion(model_bundle(seed).model_id, epoch, **fields)


def _keep(cache: ModelCache, seed: int, epoch: int, **fields: object) -> None:
    event = _promoted(seed, epoch, **fields)
    cache.keep(event, fetched(model_bundle(seed), event))


def _epochs(cache: ModelCache) -> list[int]:
    return [cache.read(path).promotion.epoch for path in cache.kept()]


def _served(rig: PredictorRig) -> tuple[int, bool] | None:
    model = rig.serving.current
    return None if model is None else (model.identity.epoch, model.confirmed)


def _alone(cache: ModelCache) -> PredictorRig:
    """A predictor whose object store is away and whose topic is empty."""
    rig = PredictorRig(cache=cache)
    rig.store.away = True
    return rig


async def test_a_model_that_served_is_served_again_by_the_next_process_without_anything_else(
    cache: ModelCache,
) -> None:
    """A restart during an outage must not make the outage one of predictions."""
    first = PredictorRig(cache=cache)
    first.store_bundle(model_bundle(1))
    first.publish(_promoted(1, 7))
    async with first.running():
        await eventually(lambda: bool(cache.kept()))
    second = _alone(cache)
    async with second.running(), second.client() as client:
        await eventually(lambda: _served(second) == (7, False))
        answer = (await client.get("/v1/model")).json()
    assert (answer["epoch"], answer["confirmed"]) == (7, False)
    assert second.sample(UNCONFIRMED) == 1
    assert not second.sent(ModelLoaded)


async def test_a_model_is_kept_before_it_answers(cache: ModelCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the two, the next process would answer by an epoch from before."""
    rig = PredictorRig(cache=cache)
    answering: dict[int, int] = {}
    keep = cache.keep

    def note(event: ModelPromoted, bundle: PromotedBundle | None) -> None:
        served = rig.serving.identity()
        answering[event.epoch] = 0 if served is None else served.epoch
        keep(event, bundle)

    monkeypatch.setattr(cache, "keep", note)
    rig.store_bundle(model_bundle(1))
    rig.store_bundle(model_bundle(2))
    async with rig.running():
        for epoch, seed in ((7, 1), (8, 2), (9, 2)):
            rig.publish(_promoted(seed, epoch))
            await eventually(lambda epoch=epoch: _served(rig) == (epoch, True) and epoch in answering)
    assert answering == {7: 0, 8: 7, 9: 8}


async def test_a_promotion_that_replaces_another_in_the_middle_of_its_keeping_is_kept_behind_it(
    cache: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread can't be cancelled; one that woke up late would leave the older epoch as the newest."""
    rig = PredictorRig(cache=cache)
    woken = threading.Event()
    begun: list[int] = []
    keep = cache.keep

    def late(event: ModelPromoted, bundle: PromotedBundle | None) -> None:
        begun.append(event.epoch)
        if event.epoch == 8:
            woken.wait(10)
        keep(event, bundle)

    monkeypatch.setattr(cache, "keep", late)
    rig.store_bundle(model_bundle(1))
    rig.store_bundle(model_bundle(2))
    async with rig.running():
        for epoch, seed in ((7, 1), (8, 2), (9, 1)):
            rig.publish(_promoted(seed, epoch))
            if epoch < 9:
                await eventually(lambda epoch=epoch: epoch in begun)
            if epoch == 7:
                await eventually(lambda: _served(rig) == (7, True))
        await asyncio.sleep(0.3)
        assert _served(rig) == (7, True)
        woken.set()
        await eventually(lambda: _served(rig) == (9, True))
        await eventually(lambda: len(_epochs(cache)) == 2)
    assert _epochs(cache) == [9, 8]


async def test_the_topic_confirms_what_the_cache_held(cache: ModelCache) -> None:
    """From then on the answer is as good as any; there is nothing to fetch for it."""
    _keep(cache, 1, 7)
    rig = _alone(cache)
    async with rig.running():
        await eventually(lambda: _served(rig) == (7, False))
        rig.publish(_promoted(1, 7))
        await eventually(lambda: _served(rig) == (7, True))
        await eventually(lambda: [event.epoch for event in rig.sent(ModelLoaded)] == [7])
    assert rig.sample(UNCONFIRMED) == 0


@pytest.mark.parametrize(
    "stale",
    [
        _promoted(2, 6),
        _promoted(2, 7),
        _promoted(2, 9, lineage=OTHER_LINEAGE),
        _promoted(2, 9, lineage=OTHER_LINEAGE, replaces=ReplacedModel(epoch=7, model_id=model_bundle(2).model_id)),
    ],
    ids=["an older epoch", "the same epoch with another model", "another lineage", "another lineage's replacement"],
)
async def test_the_topic_never_takes_the_cached_model_back(cache: ModelCache, stale: ModelPromoted) -> None:
    """A topic that was restored from a copy may be behind; epochs of two databases do not compare."""
    _keep(cache, 1, 7)
    rig = PredictorRig(cache=cache)
    rig.store_bundle(model_bundle(2))
    rig.publish(stale)
    async with rig.running():
        await eventually(lambda: _served(rig) == (7, False))
        await eventually(lambda: rig.sample("readmit_predictor_read_promotions_total", verdict=_verdict(stale)) == 1)
        await asyncio.sleep(0.3)
        assert _served(rig) == (7, False)


def _verdict(stale: ModelPromoted) -> str:
    if stale.lineage == OTHER_LINEAGE:
        return "other_lineage"
    return "conflict" if stale.epoch == 7 else "not_newer"


@pytest.mark.parametrize(
    "newer",
    [
        _promoted(2, 8),
        _promoted(2, 2, lineage=OTHER_LINEAGE, replaces=ReplacedModel(epoch=7, model_id=model_bundle(1).model_id)),
    ],
    ids=["a newer epoch", "another lineage that replaces it"],
)
async def test_what_follows_the_cached_model_is_loaded_and_kept(cache: ModelCache, newer: ModelPromoted) -> None:
    """The cache is for the start alone."""
    _keep(cache, 1, 7)
    rig = PredictorRig(cache=cache)
    rig.store_bundle(model_bundle(2))
    rig.publish(newer)
    async with rig.running():
        await eventually(lambda: _served(rig) == (newer.epoch, True))
        await eventually(lambda: _epochs(cache) == [newer.epoch, 7])


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [_flip, lambda data: data[:-1], lambda data: b"", lambda data: data + b"x", lambda _: b"\x00" * 33_000_000],
    ids=["a bit", "cut", "empty", "grown", "huge"],
)
async def test_a_damaged_file_is_thrown_away_and_counted_and_the_one_before_serves(
    cache: ModelCache, damage: Callable[[bytes], bytes]
) -> None:
    """A disk that lies must cost a download, never a wrong answer."""
    _keep(cache, 1, 7)
    _keep(cache, 2, 8)
    newest = cache.kept()[0]
    newest.write_bytes(damage(newest.read_bytes()))
    rig = _alone(cache)
    async with rig.running():
        await eventually(lambda: _served(rig) == (7, False))
    assert rig.sample(DISCARDED, reason="BUNDLE_SHA256") == 1
    assert _epochs(cache) == [7]


async def test_a_file_that_the_disk_does_not_give_leaves_the_one_before(cache: ModelCache, tmp_path: Path) -> None:
    """A bad sector is an error of reading, not of what was read."""
    _keep(cache, 1, 7)
    (tmp_path / "models" / f"{99:012d}-{'a' * 64}-{'b' * 64}.model").mkdir()
    rig = _alone(cache)
    async with rig.running():
        await eventually(lambda: _served(rig) == (7, False))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda files: {**files, MODEL_FILE: b"no model"}, "BUNDLE_INVALID"),
        (lambda files: {**files, GOLDEN_FILE: model_bundle(2).files[GOLDEN_FILE]}, "GOLDEN_MISMATCH"),
    ],
)
async def test_a_kept_bundle_is_tried_like_a_fetched_one(
    cache: ModelCache, spoil: Callable[[dict[str, bytes]], dict[str, bytes]], reason: str
) -> None:
    """Another release of the library may score otherwise than the one that kept it."""
    spoiled = bundle_of(spoil(dict(model_bundle(1).files)))
    event = promotion(spoiled.model_id, 7)
    cache.keep(event, fetched(spoiled, event))
    rig = _alone(cache)
    async with rig.running():
        await eventually(lambda: rig.sample(DISCARDED, reason=reason) == 1)
        await eventually(rig.loader.restored.is_set)
        assert _served(rig) is None
    assert not cache.kept()


async def test_files_that_belong_to_another_content_are_thrown_away(cache: ModelCache) -> None:
    """The digests of the bundle hold inside the file, too."""
    event = _promoted(1, 7)
    whole = fetched(model_bundle(1), event)
    mixed = msgspec.structs.replace(whole, files=model_bundle(2).files)
    cache.keep(event, mixed)
    rig = _alone(cache)
    async with rig.running():
        await eventually(lambda: rig.sample(DISCARDED, reason="BUNDLE_SHA256") == 1)
    assert rig.serving.current is None


async def test_another_names_model_is_not_served(cache: ModelCache) -> None:
    """A folder that was given to a predictor of another name answers for nothing here."""
    _keep(cache, 1, 7, name="other")
    rig = _alone(cache)
    async with rig.running():
        await eventually(lambda: rig.sample(DISCARDED, reason="UNKNOWN_MODEL") == 1)
    assert rig.serving.current is None


class Crowded(TrialInProcess):
    """A trial that comes to no end so many times."""

    def __init__(self, times: int) -> None:
        self._left = times

    async def check(self, bundle: PromotedBundle) -> None:
        """Raise, or check after all."""
        self._left -= 1
        if self._left >= 0:
            raise TrialUnfinished("The trial took longer than 30 s; it is repeated.")
        await super().check(bundle)


async def test_a_trial_that_comes_to_no_end_leaves_the_file_where_it_is(cache: ModelCache) -> None:
    """A crowded machine says nothing about the model."""
    _keep(cache, 1, 7)
    rig = PredictorRig(cache=cache, trial=Crowded(99))
    async with rig.running():
        await eventually(rig.loader.restored.is_set)
    assert (rig.serving.current, _epochs(cache)) == (None, [7])


async def test_a_kept_model_is_tried_again_on_a_crowded_machine(cache: ModelCache) -> None:
    """After a power cut everything starts at once, and the kept model may be all that there is."""
    _keep(cache, 1, 7)
    rig = PredictorRig(cache=cache, trial=Crowded(2))
    async with rig.running():
        await eventually(lambda: _served(rig) == (7, False))


async def test_the_promotion_that_is_kept_is_the_last_one_of_its_model(cache: ModelCache) -> None:
    """A version that came later, or a rollback, answers under its own epoch after a restart."""
    rig = PredictorRig(cache=cache)
    rig.store_bundle(model_bundle(1))
    rig.publish(_promoted(1, 7, version=None))
    async with rig.running():
        await eventually(lambda: _epochs(cache) == [7])
        rig.publish(_promoted(1, 9, version="4"))
        await eventually(lambda: _epochs(cache) == [9])
    assert cache.read(cache.kept()[0]).promotion == _promoted(1, 9, version="4")


def test_two_models_are_kept_and_the_newest_come_first(cache: ModelCache) -> None:
    """A folder that grows with every promotion fills the disk."""
    for seed, epoch in ((1, 1), (2, 2), (3, 3), (1, 4), (1, 5)):
        _keep(cache, seed, epoch)
        assert len(cache.kept()) <= MOST_KEPT
    assert _epochs(cache) == [5, 3]


def test_a_half_written_file_is_no_kept_model(cache: ModelCache, tmp_path: Path) -> None:
    """A process may die in the middle of writing."""
    _keep(cache, 1, 1)
    (tmp_path / "models" / "being-written").write_bytes(b"half")
    (tmp_path / "models" / "notes.txt").write_bytes(b"not ours")
    assert _epochs(cache) == [1]
    _keep(cache, 2, 2)
    assert _epochs(cache) == [2, 1]
    assert (tmp_path / "models" / "notes.txt").exists()


def test_a_disk_that_fills_up_while_a_model_is_written_is_as_free_as_before(cache: ModelCache, tmp_path: Path) -> None:
    """Half a model is of no use, and the spool of predictions may need the room."""
    _keep(cache, 1, 1)
    before = sorted(path.name for path in (tmp_path / "models").iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            _keep(cache, 2, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == before


async def test_a_folder_that_cannot_be_used_costs_the_cache_and_nothing_else(tmp_path: Path) -> None:
    """A full or read-only disk must not keep a model from serving."""
    (tmp_path / "file").write_bytes(b"")
    rig = PredictorRig(cache=ModelCache(tmp_path / "file" / "models"))
    rig.store_bundle(model_bundle(1))
    rig.publish(_promoted(1, 7))
    async with rig.running():
        await eventually(lambda: _served(rig) == (7, True))
    assert rig.serving.current is not None


def test_a_model_that_is_not_there_to_be_kept_under_a_new_promotion_is_missed(cache: ModelCache) -> None:
    """The next process will start by an earlier epoch, and the log has to say so."""
    _keep(cache, 1, 1)
    with pytest.raises(FileNotFoundError):
        cache.keep(_promoted(2, 2), None)
    assert _epochs(cache) == [1]


def test_lineages_are_kept_as_they_are(cache: ModelCache) -> None:
    """Epochs mean something within one lineage only."""
    lineage = uuid4()
    _keep(cache, 1, 1, lineage=lineage)
    assert cache.read(cache.kept()[0]).promotion.lineage == lineage
