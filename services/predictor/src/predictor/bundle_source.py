"""Fetch a promoted model's bundle from the object store, every byte checked."""

import asyncio

from readmit_contracts.bundle import (
    MANIFEST_FILE,
    MANIFEST_MAX_BYTES,
    Bundle,
    BundleInvalid,
    bundle_key,
    read_bundle,
    read_manifest,
)
from readmit_contracts.reasons import Reason
from readmit_runtime.errors import Transient
from readmit_runtime.logs import describe
from readmit_runtime.object_store import ObjectMissing, ObjectStore, ObjectTooLarge


class BundleSource:
    """Reads bundles. The keys follow from the model id alone: no message can name another place."""

    def __init__(self, store: ObjectStore, *, limit_s: float) -> None:
        """Take the store; `limit_s` bounds one bundle's download in seconds."""
        self._store = store
        self._limit_s = limit_s

    async def fetch(self, model_id: str) -> Bundle:
        """Return the bundle, checked against its id; raises BundleInvalid.

        Raises Transient for every other trouble with the store, lost rights included: the model before keeps
        answering, so the process must not end.
        """
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._fetch(model_id)
        except (BundleInvalid, Transient):
            raise
        except TimeoutError:
            raise Transient(f"The bundle did not arrive within {self._limit_s:g} s; it is tried again.") from None
        except Exception as error:
            raise Transient(f"The bundle cannot be read: {describe(error)}; it is tried again.") from error

    async def _fetch(self, model_id: str) -> Bundle:
        manifest = await self._read(model_id, MANIFEST_FILE, MANIFEST_MAX_BYTES)
        entries = read_manifest(manifest, model_id=model_id).files
        files = {entry.name: await self._read(model_id, entry.name, entry.bytes) for entry in entries}
        return await asyncio.to_thread(read_bundle, manifest, files, model_id=model_id)

    async def _read(self, model_id: str, name: str, max_bytes: int) -> bytes:
        try:
            return await self._store.get(bundle_key(model_id, name), max_bytes=max_bytes)
        except ObjectMissing:
            raise BundleInvalid(
                Reason.BUNDLE_MISSING, f"The object store has no {name} of model {model_id}; restore it or train again."
            ) from None
        except ObjectTooLarge:
            raise BundleInvalid(
                Reason.BUNDLE_SHA256, f"{name} of model {model_id} is larger than it was when trained; restore it."
            ) from None
