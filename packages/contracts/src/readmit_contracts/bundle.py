"""Describe a model's bundle: its files, the manifest that names them, and how to check them before use.

A bundle lies in the object store under `models/<model_id>/`. Its `model_id` is the SHA-256 of the manifest, which holds
the SHA-256 of every other file, so the id alone says whether all of it is what was trained. Nothing here parses the
model: that is for whoever has checked it.
"""

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from readmit_contracts.calibration import Calibration
from readmit_contracts.fields import Sha256
from readmit_contracts.golden import Golden
from readmit_contracts.reasons import Reason

MODEL_FILE = "model.txt"
FEATURES_FILE = "features.json"
CALIBRATION_FILE = "calibration.json"
GOLDEN_FILE = "golden.json"
MANIFEST_FILE = "manifest.json"
MANIFEST_MAX_BYTES = 16 * 1024

MAX_BYTES: Mapping[str, int] = MappingProxyType(
    {
        MODEL_FILE: 16 * 1024 * 1024,  # ten times what 500 trees of 24 leaves take
        FEATURES_FILE: 1024 * 1024,
        CALIBRATION_FILE: 16 * 1024,
        GOLDEN_FILE: 1024 * 1024,
    }
)
"""The files of a bundle, and how large each may be."""

_Read = TypeVar("_Read")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class BundleInvalid(Exception):
    """A bundle that must not be used: `reason` is the code, the text says which file and what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class BundleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file as the manifest names it."""

    name: Annotated[str, Meta(max_length=100, description="The file's name, also the end of its key.")]
    sha256: Sha256
    bytes: Annotated[int, Meta(ge=0, description="The file's size.")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bundle consists of, ordered by name."""

    format: Literal["readmit.bundle.v1"] = "readmit.bundle.v1"
    files: tuple[BundleFile, ...]


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A checked bundle: `model` and `features` as they are in the store, the small files read."""

    model_id: str
    model: bytes
    features: bytes
    calibration: Calibration
    golden: Golden


def describe(files: Mapping[str, bytes]) -> tuple[BundleFile, ...]:
    """Return the manifest entries of these files, ordered by name."""
    return tuple(
        BundleFile(name=name, sha256=hashlib.sha256(files[name]).hexdigest(), bytes=len(files[name]))
        for name in sorted(files)
    )


def write_manifest(files: Mapping[str, bytes]) -> bytes:
    """Return the manifest of a bundle's files; the same files give the same bytes.

    Raises BundleInvalid unless they are exactly the files of a bundle, each within its limit.
    """
    manifest = Manifest(files=describe(files))
    _check_listing(manifest)
    return _canonical(manifest)


def model_id_of(manifest: bytes) -> str:
    """Return the model id of a manifest: 64 hex digits."""
    return hashlib.sha256(manifest).hexdigest()


def bundle_key(model_id: str, name: str) -> str:
    """Return the object key of a bundle's file; raises ValueError for what is no model id or no such file."""
    if _SHA256.fullmatch(model_id) is None or name not in {*MAX_BYTES, MANIFEST_FILE}:
        raise ValueError("A bundle's key is made of 64 hex digits and one of the bundle's file names.")
    return f"models/{model_id}/{name}"


def read_manifest(data: bytes, *, model_id: str) -> Manifest:
    """Return the manifest, after checking that it is this model's and lists a bundle's files within their limits.

    Raises BundleInvalid: BUNDLE_SHA256 when its digest is not `model_id`, else BUNDLE_INVALID.
    """
    if len(data) > MANIFEST_MAX_BYTES:
        raise _invalid(MANIFEST_FILE, f"is larger than {MANIFEST_MAX_BYTES} bytes")
    if model_id_of(data) != model_id:
        raise BundleInvalid(
            Reason.BUNDLE_SHA256,
            f"{MANIFEST_FILE} is not the one that the model id names; restore it or train again.",
        )
    manifest = _decode(MANIFEST_FILE, data, Manifest)
    if _canonical(manifest) != data:
        raise _invalid(MANIFEST_FILE, "is not in its canonical form")
    _check_listing(manifest)
    return manifest


def check_file(entry: BundleFile, data: bytes | None) -> bytes:
    """Return the file's bytes, after checking that they are those of the manifest's entry.

    Raises BundleInvalid: BUNDLE_MISSING for None, else BUNDLE_SHA256.
    """
    if data is None:
        raise BundleInvalid(Reason.BUNDLE_MISSING, f"The bundle lacks {entry.name}; restore it or train again.")
    if len(data) != entry.bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
        raise BundleInvalid(
            Reason.BUNDLE_SHA256, f"{entry.name} is not the file that the manifest names; restore it or train again."
        )
    return data


def read_bundle(manifest: bytes, files: Mapping[str, bytes], *, model_id: str) -> Bundle:
    """Return the bundle of this id, every file checked; raises BundleInvalid as the functions above do."""
    entries = read_manifest(manifest, model_id=model_id).files
    checked = {entry.name: check_file(entry, files.get(entry.name)) for entry in entries}
    return Bundle(
        model_id=model_id,
        model=checked[MODEL_FILE],
        features=checked[FEATURES_FILE],
        calibration=_decode(CALIBRATION_FILE, checked[CALIBRATION_FILE], Calibration),
        golden=_decode(GOLDEN_FILE, checked[GOLDEN_FILE], Golden),
    )


def _check_listing(manifest: Manifest) -> None:
    names = [entry.name for entry in manifest.files]
    if names != sorted(MAX_BYTES):
        raise _invalid(MANIFEST_FILE, f"does not list exactly {', '.join(sorted(MAX_BYTES))} in this order")
    for entry in manifest.files:
        if entry.bytes > MAX_BYTES[entry.name]:
            raise _invalid(entry.name, f"is larger than {MAX_BYTES[entry.name]} bytes")


def _canonical(manifest: Manifest) -> bytes:
    return msgspec.json.encode(manifest, order="sorted")


def _decode(name: str, data: bytes, kind: type[_Read]) -> _Read:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(name, "cannot be read as what it should hold") from error


def _invalid(name: str, problem: str) -> BundleInvalid:
    return BundleInvalid(Reason.BUNDLE_INVALID, f"{name} {problem}; train again.")
