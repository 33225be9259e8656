import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from readmit_contracts.predictions import example_encounter
from readmit_runtime.testing.fake_clock import FakeClock
from structlog.testing import capture_logs
from support.model_bundles import model_bundle, promotion
from support.prediction_shipping import Shipping, nothing
from support.predictor_rig import PredictorRig, eventually, loaded, log_settings_of

LIMIT = 64 * 1024

each_policy = pytest.mark.parametrize(("when_full", "answered"), [("drop", True), ("refuse", False)])


@each_policy
async def test_above_its_limit_the_spool_takes_nothing_more_until_kafka_has_taken_some(
    tmp_path: Path, when_full: str, answered: bool
) -> None:
    """The disk belongs to others, too; what the log lacks is known, and the settings say who bears it."""
    shipping = Shipping(tmp_path, spool_bytes=LIMIT, when_full=when_full)
    shipping.broker.away = True

    async def overflow() -> None:
        answers = shipping.add(*range(400))
        taken = (
            answers.index(answered)
            if not answered
            else round(400 - shipping.counted("unlogged_records", reason="full"))
        )
        assert 100 < taken < 300
        assert answers[taken:] == [answered] * (400 - taken)
        assert sum(file.stat().st_size for file in shipping.files()) <= LIMIT
        assert shipping.counted("unlogged_records", reason="full") == 400 - taken
        shipping.broker.away = False
        await eventually(lambda: shipping.counted("shipped_records") == taken)
        await eventually(lambda: shipping.files() == [])
        assert shipping.add(999) == [True]

    await shipping.run(overflow)
    assert shipping.ids()[-1] == 999
    assert shipping.ids()[:-1] == list(range(len(shipping.ids()) - 1))


def test_every_probability_is_counted_also_when_the_log_has_no_room(tmp_path: Path) -> None:
    """What the model says of the patients is looked at just when something else goes wrong."""
    shipping = Shipping(tmp_path, spool_bytes=LIMIT, when_full="drop")
    shipping.add(*range(400))
    assert shipping.counted("unlogged_records", reason="full") > 0
    sample = shipping.registry.get_sample_value
    assert sample("readmit_predictor_given_probability_count", {"decision": "high_risk"}) == 400
    assert sample("readmit_predictor_given_probability_bucket", {"decision": "high_risk", "le": "0.5"}) == 400
    assert sample("readmit_predictor_given_probability_bucket", {"decision": "high_risk", "le": "0.4"}) == 0
    assert sample("readmit_predictor_given_probability_count", {"decision": "low_risk"}) == 0


async def test_what_others_left_in_the_spool_counts(tmp_path: Path) -> None:
    """Replicas that die in an outage, one after the other, would fill the disk below any limit of their own."""
    dead = Shipping(tmp_path, spool_bytes=LIMIT)
    dead.add(*range(150))
    dead.die()
    second = Shipping(tmp_path, spool_bytes=LIMIT, broker=dead.broker)
    dead.broker.away = True

    async def overflow() -> None:
        await eventually(lambda: second.counted("failed_deliveries", kind="predictions") >= 1)
        second.add(*range(150, 300))
        assert second.counted("unlogged_records", reason="full") > 50

    await second.run(overflow)


class Disk:
    """A file system that can be told to fail: `fails` makes the error, `takes` bounds the bytes of one write."""

    def __init__(self) -> None:
        self.fails: Callable[[], OSError] | None = None
        self.takes: int | None = None

    def write(self, file: int, data: bytes) -> int:
        """Write, or fail."""
        if self.fails is not None:
            raise self.fails()
        return os.write(file, data[: self.takes])


@each_policy
@pytest.mark.parametrize("trouble", ["full", "broken", "nearly full"])
async def test_a_failing_disk_costs_the_records_of_that_time_and_no_others(
    tmp_path: Path, trouble: str, when_full: str, answered: bool
) -> None:
    """A record of which the disk took a part must not hide those that come after it."""
    disk = Disk()
    shipping = Shipping(tmp_path, write=disk.write, when_full=when_full)
    assert shipping.add(0, 1) == [True, True]
    if trouble == "nearly full":
        disk.takes = 20
    else:
        disk.fails = lambda: OSError(errno.ENOSPC if trouble == "full" else errno.EIO, "no")
    assert shipping.add(2, 3) == [answered, answered]
    disk.fails = disk.takes = None
    assert shipping.add(4, 5) == [True, True]
    await shipping.run(nothing)
    assert shipping.ids() == [0, 1, 4, 5]
    assert shipping.counted("unlogged_records", reason="disk") == 2
    assert shipping.counted("torn_segments") == 0


async def test_a_torn_end_that_cannot_be_cut_off_ends_its_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came behind it would never be read."""
    disk = Disk()
    shipping = Shipping(tmp_path, write=disk.write)
    shipping.add(0)
    disk.takes = 20

    def refuse(_file: int, _length: int) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refuse)
        shipping.add(1)
    disk.takes = None
    shipping.add(2)
    await shipping.run(nothing)
    assert shipping.ids() == [0, 2]
    assert shipping.counted("torn_segments") == 1


def test_a_lasting_trouble_is_logged_once_a_minute(tmp_path: Path) -> None:
    """A line for each answer would fill what is left of the disk."""
    clock, disk = FakeClock(), Disk()
    disk.fails = lambda: OSError(errno.ENOSPC, "no")
    shipping = Shipping(tmp_path, write=disk.write, clock=clock)
    with capture_logs() as logs:
        for second in range(121):
            shipping.add(second)
            clock.advance(1)
    assert [(entry["event"], entry["error"]) for entry in logs] == [("predictions_not_logged", "ENOSPC")] * 3


async def test_a_spool_that_somebody_removed_is_made_anew(tmp_path: Path) -> None:
    """An operator who tidies up costs what lay there, and not the log until the next restart."""
    spool = tmp_path / "spool"
    shipping = Shipping(spool)

    async def remove() -> None:
        shipping.add(0)
        await eventually(lambda: shipping.counted("shipped_records") == 1)
        for folder in spool.iterdir():
            folder.rmdir()
        shipping.add(1, 2)

    await shipping.run(remove)
    assert shipping.ids()[0] == 0
    assert shipping.ids()[-1] == 2


def test_a_spool_that_cannot_be_made_ends_the_start(tmp_path: Path) -> None:
    """A wrong setting is found at once and not by the auditor."""
    (tmp_path / "file").write_text("in the way")
    shipping = Shipping(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        shipping.log.prepare()
    assert shipping.add(1) == [True]  # by when_full, and counted
    assert shipping.counted("unlogged_records", reason="disk") == 1


def test_a_full_disk_does_not_keep_a_process_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds a model that answers; a restart in such an hour must not take it away."""

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "no")

    shipping = Shipping(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        shipping.log.prepare()
        shipping.add(1)
    assert shipping.counted("unlogged_records", reason="disk") == 1
    shipping.add(2)
    assert len(shipping.files()) == 1


async def test_a_request_that_cannot_be_recorded_is_refused_where_it_is_so_set() -> None:
    """Where every answer has to be on record, none is better than one that is not; and it may be asked again."""
    rig = PredictorRig(log_settings=log_settings_of(spool_bytes=LIMIT, when_full="refuse"))
    rig.serving.swap(loaded(model_bundle(1), promotion(model_bundle(1).model_id, 7)))
    async with rig.client() as client:
        answers = [await client.post("/v1/predict", json=example_encounter()) for _ in range(250)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "LOG_FULL")}
    assert all("retry-after" in answer.headers for answer in refused)
    assert 20 < len(refused) < 150
    assert rig.sample("readmit_predictor_unlogged_records_total", reason="full") == len(refused)
