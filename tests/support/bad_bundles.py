"""Make bundles that must not be loaded: each is a sound one but for a single, named damage.

One seed gives the same bundles again. Every bundle has an id of its own, because a bucket keeps what is in it.
"""

import gzip
import io
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.random import Generator
from readmit_contracts.bundle import (
    CALIBRATION_FILE,
    FEATURES_FILE,
    GOLDEN_FILE,
    MANIFEST_FILE,
    MAX_BYTES,
    MODEL_FILE,
    Manifest,
    describe,
    model_id_of,
)
from support.model_bundles import bundle_of, model_bundle
from support.model_edits import EDITS

Files = dict[str, bytes]
Edit = Callable[[bytes, Generator], bytes]

DAMAGED = frozenset({"BUNDLE_SHA256", "BUNDLE_MISSING"})
WRONG_INSIDE = frozenset({"BUNDLE_INVALID", "GOLDEN_MISMATCH", "FEATURE_VERSION"})
_NAMES = (*MAX_BYTES, MANIFEST_FILE)


@dataclass(frozen=True)
class BadBundle:
    """What lies in the bucket under a model id, what is wrong with it, and the reasons that may be given."""

    kind: str
    model_id: str
    files: Mapping[str, bytes]
    reasons: frozenset[str]


def bad_bundles(count: int, *, seed: int) -> Iterator[BadBundle]:
    """Give so many, every kind once before any comes again, in an order that follows from the seed."""
    chance = np.random.default_rng(seed)
    kinds: list[str] = []
    for number in range(count):
        kinds = kinds or [str(kind) for kind in chance.permutation([*_DAMAGES, *_CONTENTS, *_MANIFESTS])]
        yield _make(kinds.pop(), _sound(f"{seed}-{number}"), chance)


def _make(kind: str, sound: Files, chance: Generator) -> BadBundle:
    if kind in _CONTENTS:
        name, edit = _CONTENTS[kind]
        files = {**sound, name: edit(sound[name], chance)}
        files[MANIFEST_FILE] = _manifest(files)
        bad = BadBundle(kind, model_id_of(files[MANIFEST_FILE]), files, WRONG_INSIDE)
    elif kind in _MANIFESTS:
        manifest = _MANIFESTS[kind](sound)
        bad = BadBundle(kind, model_id_of(manifest), {**sound, MANIFEST_FILE: manifest}, WRONG_INSIDE | DAMAGED)
    else:
        whole = bundle_of(sound)
        files = _DAMAGES[kind]({**sound, MANIFEST_FILE: whole.manifest}, chance)
        bad = BadBundle(kind, whole.model_id, files, DAMAGED)
    if bad.files == {**sound, MANIFEST_FILE: bundle_of(sound).manifest}:
        raise AssertionError(f"{kind} changed nothing")
    return bad


def _sound(mark: str) -> Files:
    """Give the files of a model that would be loaded, unlike those of any other mark."""
    files = dict(model_bundle(2).files)
    files[MODEL_FILE] += f"\nmark: {mark}\n".encode()  # behind what the library reads
    return files


def _manifest(files: Files) -> bytes:
    """Give the manifest of files of any size."""
    return msgspec.json.encode(Manifest(files=describe(files)), order="sorted")


# --- what lies there is not what the id names ---


def _flip(files: Files, chance: Generator) -> Files:
    name = _NAMES[chance.integers(len(_NAMES))]
    content = bytearray(files[name])
    content[chance.integers(len(content))] ^= 1 << int(chance.integers(8))
    return {**files, name: bytes(content)}


def _truncate(files: Files, chance: Generator) -> Files:
    name = _NAMES[chance.integers(len(_NAMES))]
    return {**files, name: files[name][: chance.integers(len(files[name]))]}


def _grow(files: Files, chance: Generator) -> Files:
    name = _NAMES[chance.integers(len(_NAMES))]
    return {**files, name: files[name] + chance.bytes(int(chance.integers(1, 100_000)))}


def _lose(files: Files, chance: Generator) -> Files:
    lost = _NAMES[chance.integers(len(_NAMES))]
    return {name: content for name, content in files.items() if name != lost}


def _swap(files: Files, chance: Generator) -> Files:
    one, other = (str(name) for name in chance.choice(_NAMES, 2, replace=False))
    return {**files, one: files[other], other: files[one]}


def _of_another(files: Files, chance: Generator) -> Files:
    others = {**model_bundle(3).files, MANIFEST_FILE: model_bundle(3).manifest}
    differ = [name for name in _NAMES if others[name] != files[name]]
    name = differ[chance.integers(len(differ))]
    return {**files, name: others[name]}


_DAMAGES: Mapping[str, Callable[[Files, Generator], Files]] = {
    **{f"bit flipped, {number}": _flip for number in range(4)},
    **{f"file cut, {number}": _truncate for number in range(3)},
    **{f"file grown, {number}": _grow for number in range(2)},
    **{f"file missing, {number}": _lose for number in range(2)},
    "files swapped": _swap,
    "file of another bundle": _of_another,
    "huge object": lambda files, _: {**files, CALIBRATION_FILE: b" " * 40_000_000},
    "nothing there": lambda _files, _chance: {},
}


# --- the manifest is the one that the id names, and wrong ---


def _listing(change: Callable[[list[dict[str, object]]], object]) -> Callable[[Files], bytes]:
    def make(files: Files) -> bytes:
        value = msgspec.json.decode(_manifest(files))
        change(value["files"])
        return msgspec.json.encode(value, order="sorted")

    return make


_MANIFESTS: Mapping[str, Callable[[Files], bytes]] = {
    "manifest without a file": _listing(lambda entries: entries.pop(0)),
    "manifest with one file twice": _listing(lambda entries: entries.append(entries[0])),
    "manifest with a way up": _listing(lambda entries: entries[0].update(name="../../etc/passwd")),
    "manifest with an endless file": _listing(lambda entries: entries[3].update(bytes=10**15)),
    "manifest with a size below zero": _listing(lambda entries: entries[0].update(bytes=-1)),
    "manifest with no digest": _listing(lambda entries: entries[0].update(sha256="x")),
    "manifest not canonical": lambda files: _manifest(files) + b"\n",
    "manifest of another format": lambda files: _manifest(files).replace(b"bundle.v1", b"bundle.v9"),
    "manifest that is none": lambda files: b"\x80\x04" + str(len(files[MODEL_FILE])).encode() + files[MODEL_FILE][-40:],
    "manifest too large": lambda files: _manifest(files) + b" " * 20_000,
}


# --- everything fits, and the content is wrong: this reaches the child ---


def _random_tree_numbers(text: bytes, chance: Generator) -> bytes:
    """Give other leaves to all trees: a whole model that answers otherwise."""
    return re.sub(
        rb"(?m)^(leaf_value)=(.*)$",
        lambda line: b"leaf_value=" + b" ".join(f"{chance.normal():.17g}".encode() for _ in line[2].split(b" ")),
        text,
    )


def _as_large_as_allowed(piece: bytes, *, line: bytes = b"") -> Edit:
    def edit(_content: bytes, _chance: Generator) -> bytes:
        room = MAX_BYTES[MODEL_FILE] - len(line)
        return line + piece * (room // len(piece))

    return edit


def _many_trees(text: bytes, _chance: Generator) -> bytes:
    """Give as many one-leaf trees as the size allows."""
    head, _, _ = text.partition(b"\n\n")
    keys = re.findall(rb"(?m)^([a-z_]+)=", text[text.index(b"Tree=0") : text.index(b"Tree=1")])
    values = {b"num_leaves": b"1", b"num_cat": b"0", b"leaf_value": b"0.001", b"is_linear": b"0", b"shrinkage": b"1"}
    lines = b"\n".join(key + b"=" + values.get(key, b"") for key in keys)
    trees = [b"Tree=%d\n%s\n\n\n" % (number, lines) for number in range(50_000)]
    sizes = b" ".join(str(len(tree)).encode() for tree in trees)
    head = re.sub(rb"(?m)^tree_sizes=.*$", b"tree_sizes=" + sizes, head)
    return head + b"\n\n" + b"".join(trees) + b"end of trees\n"


def _one_huge_tree(text: bytes, _chance: Generator) -> bytes:
    """Give one tree that says of a million leaves that they are there."""
    long = b" ".join([b"0.5"] * 1_000_000)
    text = re.sub(rb"(?m)^num_leaves=.*$", b"num_leaves=1000000", text, count=1)
    return re.sub(rb"(?m)^leaf_value=.*$", b"leaf_value=" + long, text, count=1)


def _zipped(content: bytes, _chance: Generator) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(MODEL_FILE, content)
    return memory.getvalue()


def _probability(content: bytes, chance: Generator) -> bytes:
    golden = msgspec.json.decode(content)
    row = golden["rows"][chance.integers(len(golden["rows"]))]
    row["probability"] = 1.0 - row["probability"]
    return msgspec.json.encode(golden)


def _golden_feature(content: bytes, chance: Generator) -> bytes:
    golden = msgspec.json.decode(content)
    features = golden["rows"][chance.integers(len(golden["rows"]))]["features"]
    features[chance.integers(len(features))] = 12345.5
    return msgspec.json.encode(golden)


def _replace(old: bytes, new: bytes) -> Edit:
    return lambda content, _chance: content.replace(old, new, 1)


_OTHER_TYPES: Mapping[str, Edit] = {
    "a pickle": lambda content, _: pickle.dumps({"model": content}),
    "gzip": lambda content, _: gzip.compress(content, mtime=0),
    "zip": _zipped,
    "a picture": lambda _, chance: b"\x89PNG\r\n\x1a\n" + chance.bytes(5_000),
    "JSON": lambda content, _: msgspec.json.encode({"tree_info": [], "mark": content[-40:].decode()}),
    "NUL behind a cut": lambda content, _: content[:2_000] + b"\0" + content[2_001:],
    "nothing": lambda _content, _chance: b"",
    "chance": lambda _, chance: chance.bytes(100_000),
}
_CONTENTS: Mapping[str, tuple[str, Edit]] = {
    **{f"model: {name}": (MODEL_FILE, edit) for name, edit in EDITS.items()},
    **{f"model is {name}": (MODEL_FILE, edit) for name, edit in _OTHER_TYPES.items()},
    "model with other leaves": (MODEL_FILE, _random_tree_numbers),
    "model of another bundle": (MODEL_FILE, lambda content, _: model_bundle(3).files[MODEL_FILE] + content[-40:]),
    "model over its size": (MODEL_FILE, lambda content, _: content + b" " * MAX_BYTES[MODEL_FILE]),
    "model of one endless line": (MODEL_FILE, _as_large_as_allowed(b"9")),
    "model of endless tree sizes": (MODEL_FILE, _as_large_as_allowed(b"1 ", line=b"tree\nversion=v4\ntree_sizes=")),
    "model of endless empty lines": (MODEL_FILE, _as_large_as_allowed(b"\n", line=b"tree\n")),
    "model of 50,000 trees": (MODEL_FILE, _many_trees),
    "model of one huge tree": (MODEL_FILE, _one_huge_tree),
    "golden answer": (GOLDEN_FILE, _probability),
    "golden feature": (GOLDEN_FILE, _golden_feature),
    "golden rows of another bundle": (GOLDEN_FILE, lambda _content, _chance: model_bundle(3).files[GOLDEN_FILE]),
    "golden rows nested without end": (GOLDEN_FILE, lambda _content, _chance: b"[" * 1_000_000),
    "golden rows: none": (GOLDEN_FILE, lambda _content, _chance: b'{"rows":[]}'),
    "calibration not a number": (CALIBRATION_FILE, _replace(b"0.9", b"NaN")),
    "calibration huge": (CALIBRATION_FILE, _replace(b"0.9", b"1e308")),
    "calibration other": (CALIBRATION_FILE, _replace(b"0.9", b"0.8")),
    "features of a later version": (FEATURES_FILE, _replace(b'"version":1', b'"version":99')),
    "features: none": (FEATURES_FILE, lambda _content, _chance: b"{}"),
    "features without a value": (FEATURES_FILE, _replace(b'"AfricanAmerican",', b"")),
    "features nested without end": (FEATURES_FILE, lambda _content, _chance: b'{"a":' * 200_000),
}
