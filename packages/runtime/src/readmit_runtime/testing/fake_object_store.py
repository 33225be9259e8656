"""An object store in memory; it passes the same contract suite as the real one."""

import asyncio
from pathlib import Path

from readmit_runtime.errors import Transient
from readmit_runtime.object_store import (
    ObjectDiffers,
    ObjectMissing,
    ObjectTooLarge,
    StoredObject,
    check_key,
    check_prefix,
)


class FakeObjectStore:
    """An ObjectStore. `objects` may be read and changed by tests; `away` makes every call raise Transient."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.away = False

    async def put_if_absent(self, key: str, content: bytes | Path) -> bool:
        """Write unless the key is there; tell whether it was written."""
        self._reach(key)
        data = content if isinstance(content, bytes) else await asyncio.to_thread(content.read_bytes)
        known = self.objects.get(key)
        if known is None:
            self.objects[key] = data
            return True
        if len(known) != len(data):
            raise ObjectDiffers(f"the object {key} is there with another size")
        return False

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """Return the bytes; raises ObjectMissing or ObjectTooLarge."""
        self._reach(key)
        if key not in self.objects:
            raise ObjectMissing(f"no object {key}")
        data = self.objects[key]
        if len(data) > max_bytes:
            raise ObjectTooLarge(f"the object {key} has more than {max_bytes} bytes")
        return data

    async def stat(self, key: str) -> StoredObject | None:
        """Return the entry, or None."""
        self._reach(key)
        data = self.objects.get(key)
        return None if data is None else StoredObject(key, len(data))

    async def exists(self, key: str) -> bool:
        """Tell whether the object is there."""
        return await self.stat(key) is not None

    async def list(self, prefix: str) -> tuple[StoredObject, ...]:
        """Return the entries whose keys begin with the prefix, in order."""
        check_prefix(prefix)
        self._answer()
        return tuple(
            StoredObject(key, len(data)) for key, data in sorted(self.objects.items()) if key.startswith(prefix)
        )

    def _reach(self, key: str) -> None:
        check_key(key)
        self._answer()

    def _answer(self) -> None:
        if self.away:
            raise Transient("the object store is away")
