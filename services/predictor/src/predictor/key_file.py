"""Keep the access keys on disk, so that a new process can check them while Kafka is away."""

import os
from pathlib import Path

import msgspec
import structlog
from readmit_contracts.access import AccessKey
from readmit_runtime.logs import describe

_DECODER = msgspec.json.Decoder(tuple[AccessKey, ...])

log = structlog.get_logger(__name__)


class KeyFile:
    """One file with the keys that were last in use: digests, no key itself."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[AccessKey, ...] | None:
        """Return the keys; None without the file, or when it is not what was written, which is logged."""
        try:
            return _DECODER.decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("key_file_unreadable", file=str(self._path), reason=describe(error))
            return None

    def save(self, keys: tuple[AccessKey, ...]) -> None:
        """Replace the file as a whole; raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(keys))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
