"""Give each piece of work a folder of its own, and remove what killed processes left behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "readmit-trainer-"


class Scratch:
    """Folders for the children's files. A folder's name begins with its process's id."""

    def __init__(self, root: Path | None) -> None:
        self._root = Path(tempfile.gettempdir()) if root is None else root

    def prepare(self) -> int:
        """Make the root and remove the folders of processes that are gone; return how many."""
        self._root.mkdir(parents=True, exist_ok=True)
        left = [folder for folder in self._root.glob(f"{_PREFIX}*") if _abandoned(folder)]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
        return len(left)

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """Give an empty folder that is gone afterwards."""
        path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-{name}-", dir=self._root))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
    if not owner.isdigit():
        return False
    # In a container every process has the same id: a folder under ours is older than this process's first.
    return int(owner) == os.getpid() or not Path(f"/proc/{owner}").exists()
