import signal
import subprocess
import sys
import threading
from pathlib import Path

from predictor.spool.folder import Folder, bytes_in, folders_in

HOLD = """
import sys, time
from pathlib import Path
from predictor.spool.folder import Folder
folder = Folder.create(Path(sys.argv[1]), "predictor-1")
print(folder.path, flush=True)
time.sleep(600)
"""


def test_a_living_processs_folder_cannot_be_taken_and_a_killed_ones_can(tmp_path: Path) -> None:
    """The lock is the operating system's: no file to be forgotten, no clock, no process id to be mistaken."""
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            path = Path(process.stdout.readline().strip())
            assert Folder.take(path) is None
        finally:
            process.send_signal(signal.SIGKILL)
    taken = Folder.take(path)
    assert taken is not None
    assert taken.replica == "predictor-1"
    taken.leave()


def test_of_two_takers_one_gets_the_folder(tmp_path: Path) -> None:
    """Both would ship the same, to no harm, but for nothing."""
    path = tmp_path / f"predictor-1@{'a' * 32}"
    path.mkdir()
    first = Folder.take(path)
    assert first is not None
    assert Folder.take(path) is None
    first.leave()
    assert not path.exists()
    assert Folder.take(path) is None


def test_a_folder_that_is_not_empty_stays_when_it_is_let_go(tmp_path: Path) -> None:
    """What could not be shipped waits for another process."""
    folder = Folder.create(tmp_path, "predictor-1")
    segment = folder.new_segment()
    segment.path.write_bytes(b"abc")
    folder.leave()
    again = Folder.take(folder.path)
    assert again is not None
    assert again.segments() == [segment]
    assert bytes_in(folder.path) == 3
    again.leave()


def test_a_second_process_of_the_same_name_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """A replica that is started again under its name must not wait for whoever adopts what it left."""
    first, second = (Folder.create(tmp_path, "predictor-1") for _ in range(2))
    assert first.path != second.path
    assert first.replica == second.replica == "predictor-1"
    first.leave()
    second.leave()


def test_segments_are_given_in_the_order_in_which_they_were_begun(tmp_path: Path) -> None:
    """Twelve of them, because 10 comes before 9 as a text."""
    folder = Folder.create(tmp_path, "predictor-1")
    begun = [folder.new_segment() for _ in range(12)]
    for segment in reversed(begun):
        segment.path.write_bytes(b"abc")
    assert folder.segments() == begun


def test_what_is_not_of_the_spool_is_left_alone(tmp_path: Path) -> None:
    """Somebody's notes, or the segments of a release that writes them otherwise, are not ours to ship or to delete."""
    folder = Folder.create(tmp_path, "predictor-1")
    (folder.path / "notes.txt").write_text("kept")
    (folder.path / "00000001-2f9d1c7e-3b4a-4c5d-9e6f-7a8b9c0d1e05.v2").write_text("kept")
    (tmp_path / "somebody").mkdir()
    (tmp_path / f"file@{'a' * 32}").write_text("kept")
    assert folders_in(tmp_path) == [folder.path]
    assert folder.segments() == []
    folder.leave()
    assert folder.path.is_dir()


def test_folders_made_under_the_eyes_of_an_adopter_are_held_by_their_makers(tmp_path: Path) -> None:
    """Between making a folder and locking it lies a moment in which it looks abandoned and empty."""
    done = threading.Event()

    def adopt() -> None:
        while not done.is_set():
            for path in folders_in(tmp_path):
                taken = Folder.take(path)
                if taken is not None:
                    taken.leave()

    adopter = threading.Thread(target=adopt)
    adopter.start()
    try:
        made = [Folder.create(tmp_path, "predictor-1") for _ in range(300)]
    finally:
        done.set()
        adopter.join()
    assert all(folder.path.is_dir() for folder in made)
    assert [folder for folder in made if Folder.take(folder.path) is not None] == []
    for folder in made:
        folder.leave()
