"""Say what the project needs of an object store, and which keys it takes.

Objects are named by their content's digest, so an object is never changed: writing the same key again writes the
same bytes, or is an error.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

KEY_MAX_LENGTH = 512
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._=-]*"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")


class KeyInvalid(ValueError):
    """The key is no path of plain segments: letters, digits and `._=-`, none empty or beginning with a dot."""


class ObjectMissing(Exception):
    """The bucket has no object of this key."""


class ObjectTooLarge(Exception):
    """The object has more bytes than its reader allows."""


class ObjectDiffers(Exception):
    """The key holds an object of another size: the key was not made from the content, or the object is damaged."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as the store lists it."""

    key: str
    size: int
    """Bytes."""


class ObjectStore(Protocol):
    """A bucket. Every call may raise Transient while the store is away; a write is whole or absent."""

    async def put_if_absent(self, key: str, content: bytes | Path) -> bool:
        """Write bytes, or a file's bytes, unless the key is there; tell whether they were written.

        The key must be derived from the content: two writers at once may both write. Raises ObjectDiffers when an
        object of another size is there.
        """
        ...

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """Return an object's bytes; raises ObjectMissing, or ObjectTooLarge above `max_bytes`, before reading on."""
        ...

    async def stat(self, key: str) -> StoredObject | None:
        """Return the object's entry, or None when there is none."""
        ...

    async def exists(self, key: str) -> bool:
        """Tell whether the object is there."""
        ...

    async def list(self, prefix: str) -> Sequence[StoredObject]:
        """Return the objects whose keys begin with `prefix`, in the order of their keys; `""` lists all."""
        ...


def check_key(key: str) -> str:
    """Return the key; raises KeyInvalid, so that no key can climb out of its folder or need quoting."""
    if len(key) > KEY_MAX_LENGTH or not _KEY.fullmatch(key):
        raise KeyInvalid("an object's key consists of segments of letters, digits and ._=- joined by /")
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix; raises KeyInvalid when no valid key can begin with it."""
    if len(prefix) > KEY_MAX_LENGTH or not _PREFIX.fullmatch(prefix):
        raise KeyInvalid("a prefix consists of segments of letters, digits and ._=- joined by /")
    return prefix
