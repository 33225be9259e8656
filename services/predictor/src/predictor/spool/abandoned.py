"""Take over the segments of dead processes, to be shipped under their own replicas' names."""

import asyncio
from collections import deque
from pathlib import Path

import structlog

from predictor.spool.folder import Folder, Segment, bytes_in, folders_in

log = structlog.get_logger(__name__)


class AbandonedFolders:
    """The folders that this process took over, and how much lies beside its own."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._taken: deque[tuple[Folder, deque[Segment]]] = deque()
        self.bytes_beside = 0
        """Bytes in all folders but the own, at the last look."""

    async def look(self, own: Folder | None) -> None:
        """Lock what nobody holds any more, and measure what is there; errors are logged, and the next look tries."""
        beside = 0
        for path in await asyncio.to_thread(self._folders):
            if own is not None and path == own.path:
                continue
            try:
                beside += await asyncio.to_thread(bytes_in, path)
                if path not in {folder.path for folder, _ in self._taken}:
                    await asyncio.to_thread(self._take, path)
            except OSError:
                log.exception("folder_unusable", folder=path)
        self.bytes_beside = beside

    def _folders(self) -> list[Path]:
        try:
            return folders_in(self._spool)
        except OSError:
            log.exception("spool_unreadable", spool=self._spool)
            return []

    def _take(self, path: Path) -> None:
        folder = Folder.take(path)
        if folder is None:
            return
        segments = deque(folder.segments())
        if segments:
            log.info("folder_adopted", folder=path, segments=len(segments))
        self._taken.append((folder, segments))

    def next(self) -> Segment | None:
        """Return the segment to be shipped next; folders that have none left are let go."""
        while self._taken:
            folder, segments = self._taken[0]
            if segments:
                return segments[0]
            self._taken.popleft()
            _leave(folder)
        return None

    def done(self) -> None:
        """Say that the segment returned last is done with."""
        self._taken[0][1].popleft()

    def leave(self) -> None:
        """Let go of everything; what is left waits for another process."""
        while self._taken:
            _leave(self._taken.popleft()[0])


def _leave(folder: Folder) -> None:
    try:
        folder.leave()
    except OSError:
        log.exception("folder_left", folder=folder.path)
