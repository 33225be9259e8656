"""Read log files that somebody else writes and rotates."""

import os
import time
from collections import deque
from pathlib import Path

POLL_S = 0.3


def last_lines(file: Path, count: int) -> list[str]:
    """Answer the last lines of a file, without line ends."""
    with file.open(errors="replace") as lines:
        return [line.rstrip("\n") for line in deque(lines, maxlen=count)]


class LogFollower:
    """Hands out what is added to one file after this was made, also when the file is rotated away under its name."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = file.open(errors="replace")
        self._file.seek(0, 2)
        self._partial = ""

    def new_lines(self) -> list[str]:
        """Answer the whole lines added since the last call."""
        added = self._file.read()
        if not added and self._rotated():
            self._file.close()
            self._file = self._path.open(errors="replace")
            added = self._file.read()
        *whole, self._partial = (self._partial + added).split("\n")
        return whole

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @staticmethod
    def pause() -> None:
        """Wait a moment before the next look."""
        time.sleep(POLL_S)

    def _rotated(self) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        return now.st_ino != os.fstat(self._file.fileno()).st_ino or now.st_size < self._file.tell()
