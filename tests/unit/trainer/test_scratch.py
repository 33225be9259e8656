"""Folders for the children's files."""

from pathlib import Path

from trainer.scratch import Scratch


def test_folders_of_dead_processes_are_removed_at_the_start(tmp_path: Path) -> None:
    """A killed trainer leaves rows on the disk that nobody would ever remove."""
    dead, foreign = tmp_path / "readmit-trainer-4194305-job-x", tmp_path / "readmit-trainer-1-job-x"
    others = tmp_path / "something-else"
    for folder in (dead, foreign, others):
        folder.mkdir()
    assert Scratch(tmp_path).prepare() == 1
    assert not dead.exists()
    assert foreign.exists()
    assert others.exists()


def test_a_folder_is_gone_after_its_work(tmp_path: Path) -> None:
    """Whatever became of the work."""
    scratch = Scratch(tmp_path / "made" / "here")
    scratch.prepare()
    with scratch.folder("job") as folder:
        (folder / "frame.parquet").write_bytes(b"rows")
    assert not folder.exists()
