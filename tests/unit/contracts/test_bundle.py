import json
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from readmit_contracts.bundle import (
    CALIBRATION_FILE,
    GOLDEN_FILE,
    MANIFEST_MAX_BYTES,
    MAX_BYTES,
    MODEL_FILE,
    BundleInvalid,
    bundle_key,
    model_id_of,
    read_bundle,
    write_manifest,
)
from readmit_contracts.calibration import Calibration, Threshold
from readmit_contracts.golden import Golden, GoldenRow, Record, golden_mismatches
from readmit_contracts.reasons import Reason

CALIBRATION = Calibration(threshold=Threshold(value=0.2, rule="a test's"))
GOLDEN = Golden(
    rows=(
        GoldenRow(record={"age": "[70-80)", "number_inpatient": 1}, features=(7.0, None), probability=0.25),
        GoldenRow(record={"age": "[0-10)", "number_inpatient": 0}, features=(0.0, 1.5), probability=0.1),
    )
)
FILES = {
    MODEL_FILE: b"tree\n",
    "features.json": b"{}",
    CALIBRATION_FILE: msgspec.json.encode(CALIBRATION),
    GOLDEN_FILE: msgspec.json.encode(GOLDEN),
}
MANIFEST = write_manifest(FILES)
MODEL_ID = model_id_of(MANIFEST)


def _reason(manifest: bytes = MANIFEST, files: Mapping[str, bytes] = FILES, *, model_id: str = MODEL_ID) -> Reason:
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(manifest, files, model_id=model_id)
    return caught.value.reason


def _remade(**changes: bytes) -> tuple[bytes, dict[str, bytes], str]:
    """Give a bundle whose manifest is right about changed files."""
    files = {**FILES, **{name.replace("_", "."): content for name, content in changes.items()}}
    manifest = write_manifest(files)
    return manifest, files, model_id_of(manifest)


def test_a_bundle_is_read_back() -> None:
    """What the trainer wrote is what a predictor gets."""
    bundle = read_bundle(MANIFEST, FILES, model_id=MODEL_ID)
    assert (bundle.model, bundle.features) == (FILES[MODEL_FILE], FILES["features.json"])
    assert (bundle.calibration, bundle.golden, bundle.model_id) == (CALIBRATION, GOLDEN, MODEL_ID)


def test_a_manifest_depends_on_the_files_alone() -> None:
    """The id of a model must not depend on the order in which its files were written."""
    assert write_manifest(dict(reversed(FILES.items()))) == MANIFEST
    assert json.loads(MANIFEST)["files"] == sorted(json.loads(MANIFEST)["files"], key=lambda entry: entry["name"])


@given(st.sampled_from(sorted(FILES)), st.data())
def test_any_changed_byte_is_noticed(name: str, data: st.DataObject) -> None:
    """One bit of a threshold turns decisions around without any error."""
    content = bytearray(FILES[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    assert _reason(files={**FILES, name: bytes(content)}) is Reason.BUNDLE_SHA256


@given(st.integers(0, len(MANIFEST) - 1), st.integers(1, 255))
def test_any_changed_byte_of_the_manifest_is_noticed(place: int, change: int) -> None:
    """It is what all other digests hang on."""
    manifest = bytearray(MANIFEST)
    manifest[place] ^= change
    assert _reason(bytes(manifest)) is Reason.BUNDLE_SHA256


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_bundle_without_one_of_its_files_is_refused(name: str) -> None:
    """An upload may have broken off, or a rule of the store may have deleted something."""
    assert _reason(files={other: content for other, content in FILES.items() if other != name}) is Reason.BUNDLE_MISSING


def test_another_models_intact_bundle_is_refused() -> None:
    """A mistaken key would otherwise serve a model that nobody promoted."""
    manifest, files, _ = _remade(model_txt=b"other tree\n")
    assert _reason(manifest, files) is Reason.BUNDLE_SHA256


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{}",
        b"\xff",
        MANIFEST.replace(b":", b": "),
        MANIFEST.replace(b"model.txt", b"modal.txt"),
        MANIFEST.replace(b"bundle.v1", b"bundle.v2"),
        msgspec.json.encode(json.loads(MANIFEST) | {"more": 1}, order="sorted"),
        msgspec.json.encode(json.loads(MANIFEST) | {"files": json.loads(MANIFEST)["files"][:3]}, order="sorted"),
        msgspec.json.encode(json.loads(MANIFEST) | {"files": json.loads(MANIFEST)["files"][::-1]}, order="sorted"),
        b" " * (MANIFEST_MAX_BYTES + 1),
    ],
    ids=["empty", "no fields", "no UTF-8", "blanks", "other name", "other format", "more", "too few", "order", "huge"],
)
def test_a_manifest_that_is_none_is_refused_though_its_digest_is_right(manifest: bytes) -> None:
    """A digest says that it arrived as sent, not that it was sensible."""
    assert _reason(manifest, model_id=model_id_of(manifest)) is Reason.BUNDLE_INVALID


def test_a_manifest_that_claims_a_file_over_its_limit_is_refused_before_the_file_is_read() -> None:
    """A reader fetches no gigabytes to find out."""
    listing = json.loads(MANIFEST)
    listing["files"][0]["bytes"] = MAX_BYTES[listing["files"][0]["name"]] + 1
    manifest = msgspec.json.encode(listing, order="sorted")
    assert _reason(manifest, {}, model_id=model_id_of(manifest)) is Reason.BUNDLE_INVALID


@pytest.mark.parametrize("files", [{}, {**FILES, "more.txt": b""}, {**FILES, CALIBRATION_FILE: b" " * 20_000}])
def test_no_manifest_is_written_for_what_no_reader_takes(files: dict[str, bytes]) -> None:
    """The trainer finds out first, not the predictors."""
    with pytest.raises(BundleInvalid) as caught:
        write_manifest(files)
    assert caught.value.reason is Reason.BUNDLE_INVALID


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"method":"magic","threshold":{"value":0.5,"rule":""}}',
        b'{"threshold":{"value":1.5,"rule":""}}',
        b'{"method":"platt","slope":1e9,"threshold":{"value":0.5,"rule":""}}',
        b'{"method":"platt","slope":NaN,"threshold":{"value":0.5,"rule":""}}',
        b'{"threshold":{"value":0.5,"rule":""},"more":1}',
    ],
)
def test_a_calibration_that_cannot_be_meant_is_refused(content: bytes) -> None:
    """It multiplies every answer."""
    manifest, files, model_id = _remade(calibration_json=content)
    assert _reason(manifest, files, model_id=model_id) is Reason.BUNDLE_INVALID


@pytest.mark.parametrize("content", [b"", b'{"rows":[]}', b'{"rows":[{"record":{},"features":[],"probability":2}]}'])
def test_golden_rows_that_prove_nothing_are_refused(content: bytes) -> None:
    """No rows would pass with any model."""
    manifest, files, model_id = _remade(golden_json=content)
    assert _reason(manifest, files, model_id=model_id) is Reason.BUNDLE_INVALID


def test_a_key_is_made_of_an_id_and_a_known_name() -> None:
    """Messages carry ids, and a key must not lead elsewhere."""
    assert bundle_key(MODEL_ID, MODEL_FILE) == f"models/{MODEL_ID}/model.txt"
    for model_id, name in (("../" + MODEL_ID, MODEL_FILE), (MODEL_ID + "\n", MODEL_FILE), (MODEL_ID, "../secret")):
        with pytest.raises(ValueError, match="64 hex digits"):
            bundle_key(model_id, name)


def _answers(record: Record) -> tuple[list[float], float]:
    row = next(row for row in GOLDEN.rows if row.record == record)
    return [float("nan") if value is None else value for value in row.features], row.probability


def test_a_model_as_trained_has_no_mismatch() -> None:
    """NaN stands for null, and NaN equals nothing: the comparison has to know."""
    assert golden_mismatches(GOLDEN, _answers) == ()


@pytest.mark.parametrize(
    ("features", "off", "wrong"),
    [
        ([7.0, 0.0], 0.0, (0,)),
        ([7.0], 0.0, (0,)),
        ([7.1, float("nan")], 0.0, (0,)),
        (None, 1e-8, (0, 1)),
        (None, 1e-12, ()),
    ],
    ids=["null became 0", "a feature less", "another value", "another probability", "the last bits"],
)
def test_a_model_that_answers_otherwise_is_named_by_its_rows(
    features: list[float] | None, off: float, wrong: tuple[int, ...]
) -> None:
    """Encoder, trees and calibration each show up here, before a patient meets them."""

    def answer(record: Record) -> tuple[list[float], float]:
        encoded, probability = _answers(record)
        is_first = record == GOLDEN.rows[0].record
        return (features if features is not None and is_first else encoded), probability + off

    assert golden_mismatches(GOLDEN, answer) == wrong


def test_identity_passes_scores_through_and_a_probability_at_the_threshold_is_high_risk() -> None:
    """The served figure is the model's own, and the threshold belongs to the flagged side."""
    assert CALIBRATION.probability(0.123456789) == 0.123456789
    assert [CALIBRATION.decision(value) for value in (0.19999, 0.2, 0.9)] == ["low_risk", "high_risk", "high_risk"]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 100), st.floats(-100, 100))
def test_platt_keeps_the_order_and_stays_a_probability(low: float, high: float, slope: float, intercept: float) -> None:
    """Calibration may move probabilities, never swap two patients; at the ends exp must not overflow."""
    platt = Calibration(method="platt", slope=slope, intercept=intercept, threshold=CALIBRATION.threshold)
    first, second = (platt.probability(score) for score in sorted((low, high)))
    assert 0.0 <= first <= second <= 1.0


def test_platt_is_the_logistic_that_it_says() -> None:
    """Counted by hand: logit(.2) = -1.3863; times 2 plus 1 is -1.7726; its logistic is .1452."""
    platt = Calibration(method="platt", slope=2.0, intercept=1.0, threshold=CALIBRATION.threshold)
    assert platt.probability(0.2) == pytest.approx(0.1452, abs=1e-4)
