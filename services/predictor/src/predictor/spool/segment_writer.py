"""Append records to the open segment of a process: one `write()` for each, handed to the operating system on return."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from predictor.spool.folder import Folder, Segment

SEGMENT_BYTES = 1024 * 1024

Write = Callable[[int, bytes], int]


class ShortWrite(OSError):
    """The file system took a part of a record only."""


class SegmentWriter:
    """Writes one segment at a time. Its folder is made with the first one, so that a full disk delays no start."""

    def __init__(self, spool: Path, replica: str, *, write: Write = os.write) -> None:
        self._spool = spool
        self._replica = replica
        self._write = write
        self.folder: Folder | None = None
        self._segment: Segment | None = None
        self._file = -1
        self._size = 0
        self._torn = False

    @property
    def ended(self) -> bool:
        """Tell whether the open segment takes no more: it is full, or has a torn end that cannot be cut off."""
        return self._torn or self._size >= SEGMENT_BYTES

    def append(self, framed: bytes) -> None:
        """Write framed records, all or nothing; raises OSError, after which the next call may succeed.

        A segment that has `ended` has to be closed first.
        """
        if self._segment is None:
            self._open()
        try:
            written = self._write(self._file, framed)
            if written < len(framed):
                raise ShortWrite(f"{written} of {len(framed)} bytes were written; the disk may be full.")
        except OSError:
            self._cut_off()
            raise
        self._size += len(framed)

    def close(self) -> Segment | None:
        """Close the open segment and return it, or None if nothing was written to it."""
        if self._segment is None or (self._size == 0 and not self._torn):
            return None
        segment, self._segment = self._segment, None
        self._close_file()
        return segment

    def leave(self) -> None:
        """Let go of the folder, at the end of the process; what is in it waits for another one. Raises OSError."""
        if self._segment is not None:
            self._close_file()
            if self._size == 0:
                self._segment.path.unlink(missing_ok=True)
            self._segment = None
        folder, self.folder = self.folder, None
        if folder is not None:
            folder.leave()

    def make_folder(self) -> Folder:
        """Return the process's folder, made at the first call; raises OSError."""
        if self.folder is None:
            self.folder = Folder.create(self._spool, self._replica)
        return self.folder

    def _open(self) -> None:
        segment = self.make_folder().new_segment()
        try:
            self._file = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except FileNotFoundError:
            self.leave()  # somebody removed the folder; the next call makes another one
            raise
        self._segment, self._size, self._torn = segment, 0, False

    def _cut_off(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self._torn = True  # whatever came behind it would never be read

    def _close_file(self) -> None:
        # what was written is the operating system's by now; there is nothing left to do about an error here
        with contextlib.suppress(OSError):
            os.close(self._file)
