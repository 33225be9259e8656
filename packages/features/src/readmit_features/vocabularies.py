"""Hold what encoding learns from the training rows: the levels of each categorical column, as data in the bundle."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from readmit_contracts.reasons import Reason

from readmit_features.definition import FEATURE_VERSION, FEATURES, SUPPORTED_VERSIONS, Kind, Level
from readmit_features.factors import CleanColumns, factor

Vocabularies = Mapping[str, Sequence[Level]]
"""Levels by source column in ascending order; a level's place is its code."""

_Read = TypeVar("_Read")


class FeaturesInvalid(Exception):
    """A features file that cannot be used: `reason` is the code, the text says what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class FeatureEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a features file says of one column of the model's input."""

    name: str
    kind: Kind
    columns: tuple[str, ...]


class FeaturesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `features.json`: the features in order, and the vocabularies they need."""

    version: int
    features: tuple[FeatureEntry, ...]
    vocabularies: dict[str, tuple[Level, ...]]


class _Versioned(msgspec.Struct, frozen=True):
    version: int


def fit_vocabularies(columns: CleanColumns) -> dict[str, tuple[Level, ...]]:
    """Return the levels of every categorical column, ascending, without the unknown.

    `columns` are the training rows' clean columns by SQL name, of shape (rows,). Raises KeyError for an absent one.
    """
    return {name: _levels(factor(columns[name]).values) for name in _categorical_columns()}


def write_features(vocabularies: Vocabularies) -> bytes:
    """Return the features file; the same vocabularies give the same bytes. Raises KeyError when one is absent."""
    levels = {name: tuple(vocabularies[name]) for name in _categorical_columns()}
    return msgspec.json.encode(FeaturesFile(FEATURE_VERSION, _entries(), levels))


def read_features(data: bytes) -> dict[str, tuple[Level, ...]]:
    """Return the vocabularies of a features file.

    Raises FeaturesInvalid: FEATURE_VERSION when its version is not supported here, BUNDLE_INVALID when it is malformed,
    lists other features than its version has, or lacks a vocabulary.
    """
    version = _decode(data, _Versioned).version
    if version not in SUPPORTED_VERSIONS:
        readable = ", ".join(str(supported) for supported in SUPPORTED_VERSIONS)
        raise FeaturesInvalid(
            Reason.FEATURE_VERSION,
            f"The bundle has feature version {version}, this release reads {readable}; "
            "run a release that reads it, or train again.",
        )
    file = _decode(data, FeaturesFile)
    if file.features != _entries():
        raise _invalid(f"it lists other features than version {version} has")
    for name in _categorical_columns():
        levels = file.vocabularies.get(name)
        if levels is None or levels != _levels(levels):
            raise _invalid(f"the vocabulary of {name} is absent or out of order")
    return file.vocabularies


def _categorical_columns() -> list[str]:
    return [feature.columns[0] for feature in FEATURES if feature.kind == "categorical"]


def _entries() -> tuple[FeatureEntry, ...]:
    return tuple(FeatureEntry(feature.name, feature.kind, feature.columns) for feature in FEATURES)


def _levels(values: Sequence[object]) -> tuple[Level, ...]:
    """Sort what a column holds: numbers before texts, each once."""
    numbers = {value for value in values if isinstance(value, int)}
    texts = {value for value in values if isinstance(value, str)}
    return (*sorted(numbers), *sorted(texts))


def _decode(data: bytes, kind: type[_Read]) -> _Read:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid("it is no features file") from error


def _invalid(what: str) -> FeaturesInvalid:
    return FeaturesInvalid(Reason.BUNDLE_INVALID, f"features.json cannot be used: {what}; train again.")
