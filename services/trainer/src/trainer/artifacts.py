"""Keep frames, bundles and evidence in the object store, under keys that are made of their content."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

from readmit_contracts.bundle import (
    MANIFEST_FILE,
    MANIFEST_MAX_BYTES,
    BundleInvalid,
    bundle_key,
    read_bundle,
    read_manifest,
)
from readmit_contracts.reasons import Reason
from readmit_runtime.object_store import ObjectDiffers, ObjectMissing, ObjectStore, ObjectTooLarge

from trainer.bundle import BundleFiles

FRAME_MAX_BYTES = 2 * 2**30


async def store_frame(store: ObjectStore, path: Path, *, training_set_sha256: str) -> str:
    """Store a frame and return its key: the digest of the set that it holds, then its own.

    Raises Transient, or BundleInvalid when something else lies under the key.
    """
    digest = await asyncio.to_thread(_sha256, path)
    key = f"datasets/{training_set_sha256}/{digest}.parquet"
    await _put(store, key, path)
    return key


async def load_frame(store: ObjectStore, key: str, path: Path) -> None:
    """Write a stored frame to `path`. Raises ObjectMissing, Transient; BundleInvalid when it is another's content."""
    try:
        content = await store.get(key, max_bytes=FRAME_MAX_BYTES)
    except ObjectTooLarge:
        detail = f"The stored frame is larger than {FRAME_MAX_BYTES} bytes; train again on fewer rows."
        raise BundleInvalid(Reason.BUNDLE_SHA256, detail) from None
    if hashlib.sha256(content).hexdigest() != Path(key).stem:
        raise BundleInvalid(Reason.BUNDLE_SHA256, "The stored frame is not the one that its key names; train again.")
    await asyncio.to_thread(path.write_bytes, content)


async def store_bundle(store: ObjectStore, bundle: BundleFiles) -> None:
    """Store a bundle, its manifest last, and read it back as a predictor would.

    Raises BundleInvalid when what lies there is not the bundle, and Transient.
    """
    await store_objects(store, bundle.objects())
    await load_bundle(store, bundle.model_id)


async def store_objects(store: ObjectStore, objects: Mapping[str, bytes]) -> None:
    """Store objects in their order; raises Transient, or BundleInvalid when something else lies under a key."""
    for key, content in objects.items():
        await _put(store, key, content)


async def load_bundle(store: ObjectStore, model_id: str) -> BundleFiles:
    """Return a stored bundle, every file checked; raises BundleInvalid, Transient."""
    manifest = await _get(store, model_id, MANIFEST_FILE, MANIFEST_MAX_BYTES)
    entries = read_manifest(manifest, model_id=model_id).files
    files = {entry.name: await _get(store, model_id, entry.name, entry.bytes) for entry in entries}
    await asyncio.to_thread(read_bundle, manifest, files, model_id=model_id)
    return BundleFiles(model_id=model_id, manifest=manifest, files=files)


async def _put(store: ObjectStore, key: str, content: bytes | Path) -> None:
    try:
        await store.put_if_absent(key, content)
    except ObjectDiffers as error:
        detail = f"The object store has another {key}, which is damaged; remove it, then train again."
        raise BundleInvalid(Reason.BUNDLE_SHA256, detail) from error


async def _get(store: ObjectStore, model_id: str, name: str, max_bytes: int) -> bytes:
    try:
        return await store.get(bundle_key(model_id, name), max_bytes=max_bytes)
    except ObjectMissing:
        detail = f"The object store has no {name} of model {model_id}; restore it or train again."
        raise BundleInvalid(Reason.BUNDLE_MISSING, detail) from None
    except ObjectTooLarge:
        detail = f"{name} of model {model_id} is larger than it was when trained; restore it."
        raise BundleInvalid(Reason.BUNDLE_SHA256, detail) from None


def _sha256(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
