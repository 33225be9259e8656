"""Keep one process's segments in a folder that it locks as long as it lives.

A folder is named by replica and a number of its own, so that a process never finds its name taken, not even by what it
left when it was killed. The lock is the folder's own and is let go by the operating system when its holder dies.
"""

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

# The ending names the framing, and where chunks are cut; what a later release writes otherwise has another one.
_FOLDER = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99})@[0-9a-f]{32}")
_SEGMENT = re.compile(r"\d{8,}-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.v1")


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of records; its name is its place among its folder's segments, and its id."""

    path: Path
    replica: str
    id: UUID


class Folder:
    """A locked folder."""

    def __init__(self, path: Path, lock: int) -> None:
        """Take the folder, and the file descriptor that holds its lock."""
        self.path = path
        self.replica = path.name.rpartition("@")[0]
        self._lock = lock
        self._segments_made = 0

    @classmethod
    def create(cls, spool: Path, replica: str) -> Self:
        """Make a new folder, and the spool if there is none; raises OSError."""
        while True:
            path = spool / f"{replica}@{uuid4().hex}"
            path.mkdir(mode=0o700, parents=True)
            folder = cls.take(path)
            if folder is not None:
                return folder
            # another process looked for an abandoned one in this very moment, and removes it

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Lock a folder, or return None when a living process holds it, or it is gone; raises OSError."""
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists():
                return cls(path, lock)
        except BlockingIOError:
            pass
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        return None

    def new_segment(self) -> Segment:
        """Name the next segment; its file is not there yet."""
        self._segments_made += 1
        segment = uuid4()
        return Segment(self.path / f"{self._segments_made:08d}-{segment}.v1", self.replica, segment)

    def segments(self) -> list[Segment]:
        """Return the segments that are there, in the order in which they were begun; raises OSError."""
        found = [(path, _SEGMENT.fullmatch(path.name)) for path in sorted(self.path.iterdir())]
        return [Segment(path, self.replica, UUID(name[1])) for path, name in found if name is not None]

    def leave(self) -> None:
        """Let go of the folder, and remove it if nothing is in it; raises OSError."""
        try:
            with contextlib.suppress(FileNotFoundError):
                if not any(self.path.iterdir()):
                    self.path.rmdir()
        finally:
            os.close(self._lock)


def folders_in(spool: Path) -> list[Path]:
    """Return every process's folder, of the living and the dead; raises OSError."""
    return [path for path in sorted(spool.iterdir()) if _FOLDER.fullmatch(path.name) and path.is_dir()]


def bytes_in(path: Path) -> int:
    """Return the bytes of a folder's files; what vanishes meanwhile does not count. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        return sum(file.stat().st_size for file in path.iterdir())
    return 0
