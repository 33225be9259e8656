import asyncio
import shutil
from pathlib import Path

from predictor.spool.folder import Folder
from readmit_contracts.topics import PREDICTIONS
from structlog.testing import capture_logs
from support.prediction_shipping import Shipping, nothing
from support.predictor_rig import eventually


def _dead(spool: Path, *numbers: int) -> Shipping:
    dead = Shipping(spool)
    dead.add(*numbers)
    dead.die()
    return dead


async def test_what_a_killed_process_left_is_shipped_under_its_own_name(tmp_path: Path) -> None:
    """Its record says who answered, and its chunks are the ones that it may have shipped itself."""
    dead = _dead(tmp_path, *range(450))
    second = Shipping(tmp_path, replica="predictor-2", broker=dead.broker)
    await second.run(lambda: eventually(lambda: second.ids() == list(range(450))))
    assert [(chunk.replica, chunk.chunk) for chunk in second.chunks()] == [("predictor-1", n) for n in range(3)]
    assert second.counted("adopted_segments") == 1
    assert second.folders() == []


async def test_a_process_that_dies_later_is_found_too(tmp_path: Path) -> None:
    """Replicas die at any time, and those beside them live for months."""
    first = Shipping(tmp_path)
    first.add(1, 2)
    second = Shipping(tmp_path, replica="predictor-2", broker=first.broker)

    async def die() -> None:
        await asyncio.sleep(0.1)
        assert second.ids() == []
        first.die()
        await eventually(lambda: second.ids() == [1, 2])

    await second.run(die)


async def test_a_living_replicas_folder_is_not_touched(tmp_path: Path) -> None:
    """Its open segment is being written, and its closed ones are being shipped."""
    living = Shipping(tmp_path)
    living.add(1)
    before = {file: file.stat().st_mtime_ns for file in living.files()}
    second = Shipping(tmp_path, replica="predictor-2", broker=living.broker)
    await second.run(lambda: asyncio.sleep(0.2))
    assert {file: file.stat().st_mtime_ns for file in living.files()} == before
    assert second.ids() == []
    living.add(2)
    await living.run(nothing)
    assert living.ids() == [1, 2]


async def test_a_torn_last_record_is_cut_off_and_counted(tmp_path: Path) -> None:
    """Its answer never went out, and what was answered before it must arrive."""
    dead = _dead(tmp_path, 1, 2, 3)
    (file,) = dead.files()
    with file.open("r+b") as segment:
        segment.truncate(file.stat().st_size - 5)
    second = Shipping(tmp_path, replica="predictor-2", broker=dead.broker)
    await second.run(lambda: eventually(lambda: second.files() == []))
    assert second.ids() == [1, 2]
    assert second.counted("torn_segments") == 1


async def test_two_adopters_at_once_ship_it_once(tmp_path: Path) -> None:
    """One takes the lock; the other may go on looking."""
    dead = _dead(tmp_path, *range(300))
    second, third = (Shipping(tmp_path, replica=f"predictor-{n}", broker=dead.broker) for n in (2, 3))

    async def both() -> None:
        await third.run(lambda: eventually(lambda: dead.files() == []))

    await second.run(both)
    assert dead.ids() == list(range(300))
    assert second.counted("adopted_segments") + third.counted("adopted_segments") == 1


async def test_an_adopter_that_dies_before_it_deleted_leaves_the_same_chunks_to_the_next(tmp_path: Path) -> None:
    """Between Kafka's confirmation and the end of the file lies a moment; the ledger knows the chunks of both."""
    dead = _dead(tmp_path / "spool", *range(300))
    shutil.copytree(tmp_path / "spool", tmp_path / "again")
    for number, spool in enumerate(("spool", "again"), start=2):
        adopter = Shipping(tmp_path / spool, replica=f"predictor-{number}", broker=dead.broker)
        await adopter.run(lambda shipping=adopter: eventually(lambda: shipping.files() == []))
    records = [(record.key, record.value, record.headers) for record in dead.broker.records(PREDICTIONS.name)]
    assert len(records) == 4
    assert records[:2] == records[2:]


async def test_a_process_ships_its_own_before_what_it_adopted(tmp_path: Path) -> None:
    """A neighbour's backlog of a night must not make this replica's log late, nor its spool full."""
    dead = _dead(tmp_path, 1)
    second = Shipping(tmp_path, replica="predictor-2", broker=dead.broker)
    dead.broker.away = True

    async def backlog() -> None:
        await eventually(lambda: second.counted("failed_deliveries", kind="predictions") >= 1)
        second.add(2)
        await asyncio.sleep(0.1)
        dead.broker.away = False
        await eventually(lambda: len(second.ids()) == 2)

    await second.run(backlog)
    assert second.ids() == [2, 1]


async def test_a_segment_that_cannot_be_read_stays_and_stops_no_other(tmp_path: Path) -> None:
    """A bad sector is for a person to look at; the rest of the log goes on."""
    dead = _dead(tmp_path, 1)
    (file,) = dead.files()
    blocked = file.with_name("00000000-2f9d1c7e-3b4a-4c5d-9e6f-7a8b9c0d1e05.v1")
    blocked.mkdir()
    second = Shipping(tmp_path, replica="predictor-2", broker=dead.broker, adopt_interval_s=60)
    with capture_logs() as logs:
        await second.run(lambda: eventually(lambda: second.ids() == [1]))
    assert [entry["segment"] for entry in logs if entry["event"] == "segment_left"] == [blocked]
    assert second.files() == [blocked]
    again = Folder.take(blocked.parent)
    assert again is not None
    again.leave()
