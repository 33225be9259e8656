"""Make a model's bundle of what a fit wrote, and keep bundles in folders for the children."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import msgspec
from readmit_contracts.bundle import (
    MANIFEST_FILE,
    MANIFEST_MAX_BYTES,
    MAX_BYTES,
    Bundle,
    BundleFile,
    BundleInvalid,
    bundle_key,
    describe,
    model_id_of,
    read_bundle,
    write_manifest,
)
from readmit_contracts.reasons import Reason

from trainer.fit_files import EVIDENCE_FILES


class BundleFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle as bytes: what goes to the object store, and under which id."""

    model_id: str
    manifest: bytes
    files: Mapping[str, bytes]

    def objects(self) -> dict[str, bytes]:
        """Return what to store by object key, the manifest last: whoever finds it finds all of it."""
        named = {**{name: self.files[name] for name in sorted(self.files)}, MANIFEST_FILE: self.manifest}
        return {bundle_key(self.model_id, name): content for name, content in named.items()}


class EvidenceManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What speaks for a model: files that no predictor reads. One model may have the evidence of several jobs."""

    format: str = "readmit.evidence.v1"
    model_id: str
    job_id: UUID
    files: tuple[BundleFile, ...]


def collect_bundle(workdir: Path) -> BundleFiles:
    """Return the bundle that a fit wrote into its folder; raises BundleInvalid when a file is absent or too large."""
    files = {name: _read(workdir / name, limit) for name, limit in MAX_BYTES.items()}
    manifest = write_manifest(files)
    return BundleFiles(model_id=model_id_of(manifest), manifest=manifest, files=files)


def collect_evidence(workdir: Path, *, model_id: str, job_id: UUID) -> dict[str, bytes]:
    """Return the evidence of a fit by object key, its manifest last; raises OSError when a file is absent.

    Timings differ from attempt to attempt, so the folder is named by its own manifest's digest: see `evidence_folder`.
    """
    files = {name: (workdir / name).read_bytes() for name in EVIDENCE_FILES}
    manifest = msgspec.json.encode(
        EvidenceManifest(model_id=model_id, job_id=job_id, files=describe(files)), order="sorted"
    )
    folder = f"evidence/{model_id}/{job_id}/{hashlib.sha256(manifest).hexdigest()}"
    return {f"{folder}/{name}": content for name, content in {**files, MANIFEST_FILE: manifest}.items()}


def evidence_folder(evidence: Mapping[str, bytes]) -> str:
    """Return the folder in which collected evidence lies."""
    return next(iter(evidence)).rpartition("/")[0]


def save_bundle(folder: Path, bundle: BundleFiles) -> None:
    """Write the bundle's files and manifest into the folder, which is made when absent."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**bundle.files, MANIFEST_FILE: bundle.manifest}.items():
        (folder / name).write_bytes(content)


def load_bundle(folder: Path, *, model_id: str) -> Bundle:
    """Return the bundle of this id from its folder, every file checked; raises BundleInvalid."""
    manifest = _read(folder / MANIFEST_FILE, MANIFEST_MAX_BYTES)
    files = {name: _read(folder / name, limit) for name, limit in MAX_BYTES.items()}
    return read_bundle(manifest, files, model_id=model_id)


def _read(path: Path, limit: int) -> bytes:
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise BundleInvalid(Reason.BUNDLE_MISSING, f"The bundle lacks {path.name}; train again.") from error
    if size > limit:
        raise BundleInvalid(Reason.BUNDLE_INVALID, f"{path.name} is larger than {limit} bytes; train again.")
    return path.read_bytes()
