"""Fetch a promoted model's bundle from the object store, every byte checked."""

import asyncio
from collections.abc import Callable
from functools import cache

from readmit_contracts.bundle import (
    MANIFEST_FILE,
    MANIFEST_MAX_BYTES,
    BundleInvalid,
    bundle_key,
    check_file,
    read_manifest,
)
from readmit_contracts.events import ModelPromoted
from readmit_contracts.reasons import Reason
from readmit_runtime.errors import Transient
from readmit_runtime.logs import describe
from readmit_runtime.object_store import ObjectMissing, ObjectStore, ObjectTooLarge

from predictor.promoted_bundle import PromotedBundle


class BundleSource:
    """Reads bundles. The keys follow from the model id alone: no message can name another place."""

    def __init__(self, open_store: Callable[[], ObjectStore], *, limit_s: float) -> None:
        """Take how to open the store, at the first bundle; `limit_s` bounds one bundle's download in seconds."""
        self._open_store = cache(open_store)
        self._limit_s = limit_s

    async def fetch(self, promotion: ModelPromoted) -> PromotedBundle:
        """Return the files of the promoted model, checked against its id and not parsed; raises BundleInvalid.

        Raises Transient for every other trouble with the store, lost rights included: the model before keeps
        answering, so the process must not end.
        """
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._fetch(promotion)
        except (BundleInvalid, Transient):
            raise
        except TimeoutError:
            raise Transient(f"The bundle did not arrive within {self._limit_s:g} s; it is tried again.") from None
        except Exception as error:
            raise Transient(f"The bundle cannot be read: {describe(error)}; it is tried again.") from error

    async def _fetch(self, promotion: ModelPromoted) -> PromotedBundle:
        model_id = promotion.model_id
        manifest = await self._read(model_id, MANIFEST_FILE, MANIFEST_MAX_BYTES)
        files = {}
        for entry in read_manifest(manifest, model_id=model_id).files:
            content = await self._read(model_id, entry.name, entry.bytes)
            files[entry.name] = await asyncio.to_thread(check_file, entry, content)
        return PromotedBundle(promotion=promotion, manifest=manifest, files=files)

    async def _read(self, model_id: str, name: str, max_bytes: int) -> bytes:
        try:
            store = await asyncio.to_thread(self._open_store)
            return await store.get(bundle_key(model_id, name), max_bytes=max_bytes)
        except ObjectMissing:
            raise BundleInvalid(
                Reason.BUNDLE_MISSING, f"The object store has no {name} of model {model_id}; restore it or train again."
            ) from None
        except ObjectTooLarge:
            raise BundleInvalid(
                Reason.BUNDLE_SHA256, f"{name} of model {model_id} is larger than it was when trained; restore it."
            ) from None
