import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from readmit_contracts.reasons import Reason
from readmit_features import FEATURE_NAMES, FEATURE_VERSION, FeaturesInvalid, read_features, write_features
from readmit_features.definition import CATEGORIES
from readmit_features.vocabularies import fit_vocabularies


def _columns(**changes: list[object]) -> dict[str, np.ndarray]:
    plain: dict[str, list[object]] = {name: ["No", None, "Up", "No"] for name in CATEGORIES}
    return {name: np.array(values, dtype=object) for name, values in (plain | changes).items()}


VOCABULARIES = fit_vocabularies(_columns(admission_type_id=[3, 1, 1, 2], diag_1=["V27", "428", None, "38"]))


def test_levels_ascend_and_leave_the_unknown_out() -> None:
    """A level's place is its code, so its order is part of the model."""
    assert VOCABULARIES["admission_type_id"] == (1, 2, 3)
    assert VOCABULARIES["diag_1"] == ("38", "428", "V27")
    assert VOCABULARIES["insulin"] == ("No", "Up")


def test_the_order_of_rows_does_not_matter() -> None:
    """The same training set must give the same bytes."""
    backwards = fit_vocabularies({name: values[::-1] for name, values in _columns().items()})
    assert write_features(backwards) == write_features(fit_vocabularies(_columns()))


def test_a_features_file_gives_its_vocabularies_back() -> None:
    """Serving encodes by what was written, not by what was meant."""
    assert read_features(write_features(VOCABULARIES)) == VOCABULARIES


def test_a_features_file_lists_every_feature_in_order() -> None:
    """A reader in another language needs the order of the model's input."""
    file = json.loads(write_features(VOCABULARIES))
    assert [feature["name"] for feature in file["features"]] == list(FEATURE_NAMES)
    assert set(file["features"][0]) == {"name", "kind", "columns"}


@pytest.mark.parametrize("version", [0, FEATURE_VERSION + 1])
def test_another_version_is_refused_by_name(version: int) -> None:
    """Encoding by the wrong definition gives plausible nonsense; the error must say which release reads it."""
    file = json.loads(write_features(VOCABULARIES)) | {"version": version, "unheard_of": 1}
    with pytest.raises(FeaturesInvalid, match=f"feature version {version}") as caught:
        read_features(json.dumps(file).encode())
    assert caught.value.reason is Reason.FEATURE_VERSION


def _drop_a_feature(file: dict[str, Any]) -> None:
    file["features"].pop()


def _swap_features(file: dict[str, Any]) -> None:
    file["features"][:2] = file["features"][1::-1]


def _drop_a_vocabulary(file: dict[str, Any]) -> None:
    del file["vocabularies"]["diag_1"]


def _swap_levels(file: dict[str, Any]) -> None:
    file["vocabularies"]["diag_1"].reverse()


def _repeat_a_level(file: dict[str, Any]) -> None:
    file["vocabularies"]["diag_1"].append("V27")


def _add_a_field(file: dict[str, Any]) -> None:
    file["more"] = 1


@pytest.mark.parametrize(
    "spoil", [_drop_a_feature, _swap_features, _drop_a_vocabulary, _swap_levels, _repeat_a_level, _add_a_field]
)
def test_a_features_file_that_does_not_fit_the_version_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    """Each of these would shift codes or columns under a model that cannot notice."""
    file = json.loads(write_features(VOCABULARIES))
    spoil(file)
    with pytest.raises(FeaturesInvalid) as caught:
        read_features(json.dumps(file).encode())
    assert caught.value.reason is Reason.BUNDLE_INVALID


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"version":"1"}', b'{"version":1}', b"\xff\xfe"])
def test_what_is_no_features_file_is_refused(data: bytes) -> None:
    """Whatever the store gives back, the answer is one kind of error."""
    with pytest.raises(FeaturesInvalid) as caught:
        read_features(data)
    assert caught.value.reason is Reason.BUNDLE_INVALID
