"""Keep models on disk before they serve, so that a process can start while everything else is away."""

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.events import ModelPromoted
from readmit_contracts.reasons import Reason

from predictor import promoted_bundle
from predictor.promoted_bundle import PromotedBundle

MOST_KEPT = 2
MAX_BYTES = 32 * 1024 * 1024  # above the largest bundle

_NAME = re.compile(r"(?P<number>[0-9]{12})-(?P<model_id>[0-9a-f]{64})-(?P<sha256>[0-9a-f]{64})\.model")


class ModelCache:
    """A folder for one process with its last models, each in one file with its promotion.

    A file's name is a number that grows, the model's id and the SHA-256 of the content, so the newest is known without
    any clock and a damaged one by its name. Whoever calls it does so once at a time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def kept(self) -> Sequence[Path]:
        """Return the files, newest first; raises OSError."""
        if not self._folder.is_dir():
            return ()
        files = [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)]
        return sorted(files, key=lambda path: path.name, reverse=True)

    def read(self, path: Path) -> PromotedBundle:
        """Return what a file holds; raises BundleInvalid when it is not what was written, and OSError."""
        if path.stat().st_size <= MAX_BYTES:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() == path.stem.rpartition("-")[2]:
                try:
                    return promoted_bundle.decode(data)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    pass  # written by a release that knew another form
        raise BundleInvalid(Reason.BUNDLE_SHA256, f"{path.name} is not what was kept; it is fetched again.")

    def discard(self, path: Path) -> None:
        """Throw a file away; raises OSError."""
        path.unlink(missing_ok=True)

    def keep(self, promotion: ModelPromoted, bundle: PromotedBundle | None) -> None:
        """Keep a model as the newest, under this promotion; without a bundle, the one that is kept already.

        Raises OSError, and then the files before are as they were.
        """
        before = self.kept()
        same = [path for path in before if promotion.model_id in path.name]
        found = bundle or self._first_whole(same)
        if found is None:
            raise FileNotFoundError(f"no whole file of the model is in {self._folder}; it is kept when it is fetched.")
        data = msgspec.structs.replace(found, promotion=promotion).encode()
        self._write(data, promotion.model_id, number=1 + (int(before[0].name[:12]) if before else 0))
        others = [path for path in before if path not in same]
        for path in (*same, *others[MOST_KEPT - 1 :]):
            self.discard(path)

    def _write(self, data: bytes, model_id: str, *, number: int) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._folder / "being-written"
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self.discard(beside)  # on a full disk others need the room
            raise
        beside.replace(self._folder / f"{number:012d}-{model_id}-{hashlib.sha256(data).hexdigest()}.model")
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # the name is on the disk only with its folder
        finally:
            os.close(descriptor)

    def _first_whole(self, files: Sequence[Path]) -> PromotedBundle | None:
        for path in files:
            with suppress(BundleInvalid):
                return self.read(path)
        return None
