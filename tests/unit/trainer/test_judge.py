import os
from pathlib import Path

import msgspec
import pytest
from readmit_contracts.bundle import GOLDEN_FILE, MODEL_FILE, model_id_of, write_manifest
from readmit_contracts.golden import Golden
from readmit_contracts.reasons import Reason
from support.small_fit import FitFolder, fit_here, prepare_fit
from trainer.bundle import BundleFiles, collect_bundle, save_bundle
from trainer.child import Reporter, WorkRefused
from trainer.decision import Decision
from trainer.fit_files import FRAME_FILE, read_metrics
from trainer.gate import NOT_BETTER
from trainer.judge import judge
from trainer.judge_files import CHALLENGER_FOLDER, CHAMPION_FOLDER, JudgeRequest, read_decision, write_judge_request
from trainer.training_process import ChildLimits, run


@pytest.fixture(scope="module")
def good(fitted: FitFolder) -> BundleFiles:
    """The small model."""
    return collect_bundle(fitted.path)


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> BundleFiles:
    """A model of one tree."""
    folder = tmp_path_factory.mktemp("poor")
    prepare_fit(folder, train_seed=5)
    request = msgspec.json.decode((folder / "request.json").read_bytes())
    request["recipe"] |= {"rounds_max": 1, "num_leaves": 2}
    (folder / "request.json").write_bytes(msgspec.json.encode(request))
    return collect_bundle(fit_here(folder))


def _prepare(folder: Path, fitted: FitFolder, challenger: BundleFiles, champion: BundleFiles | None) -> Path:
    (folder / FRAME_FILE).write_bytes((fitted.path / FRAME_FILE).read_bytes())
    save_bundle(folder / CHALLENGER_FOLDER, challenger)
    if champion is not None:
        save_bundle(folder / CHAMPION_FOLDER, champion)
    request = JudgeRequest(challenger=challenger.model_id, champion=champion.model_id if champion else None)
    write_judge_request(folder, request)
    return folder


def _judge(folder: Path) -> Decision:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        judge(folder, Reporter(descriptor))
    finally:
        os.close(descriptor)
    return read_decision(folder)


async def test_a_child_judges_a_challenger_without_a_champion(
    tmp_path: Path, fitted: FitFolder, good: BundleFiles
) -> None:
    """The first model's way, through the process that the trainer really starts."""
    _prepare(tmp_path, fitted, good, None)
    await run("trainer.judge", tmp_path, limits=ChildLimits(), on_progress=lambda progress: None)
    decision = read_decision(tmp_path)
    assert decision.passed
    assert decision.metrics["challenger_auroc"] == read_metrics(fitted.path).evaluations["validation"].auroc


def test_the_better_of_two_bundles_passes_and_the_other_does_not(
    tmp_path: Path, fitted: FitFolder, good: BundleFiles, poor: BundleFiles
) -> None:
    """Each is scored by its own features and calibration, on the same rows."""
    (tmp_path / "up").mkdir()
    (tmp_path / "down").mkdir()
    up = _judge(_prepare(tmp_path / "up", fitted, good, poor))
    down = _judge(_prepare(tmp_path / "down", fitted, poor, good))
    assert up.passed
    assert down.refusals == (NOT_BETTER,)
    assert up.metrics["champion_auroc"] == down.metrics["challenger_auroc"]


def test_a_bundle_with_one_byte_changed_is_not_judged(tmp_path: Path, fitted: FitFolder, good: BundleFiles) -> None:
    """Its digest is all that says it is the model that was trained."""
    _prepare(tmp_path, fitted, good, None)
    model = tmp_path / CHALLENGER_FOLDER / MODEL_FILE
    model.write_bytes(model.read_bytes().replace(b"Tree=0", b"Tree=1", 1))
    with pytest.raises(WorkRefused) as caught:
        _judge(tmp_path)
    assert caught.value.reason is Reason.BUNDLE_SHA256


def test_a_model_that_answers_otherwise_than_trained_is_not_judged(
    tmp_path: Path, fitted: FitFolder, good: BundleFiles
) -> None:
    """Intact bytes under another library may still be another model."""
    golden = msgspec.json.decode(good.files[GOLDEN_FILE], type=Golden)
    first = msgspec.structs.replace(golden.rows[0], probability=golden.rows[0].probability + 1e-6)
    spoilt = msgspec.structs.replace(golden, rows=(first, *golden.rows[1:]))
    files = {**good.files, GOLDEN_FILE: msgspec.json.encode(spoilt)}
    manifest = write_manifest(files)
    _prepare(tmp_path, fitted, BundleFiles(model_id=model_id_of(manifest), manifest=manifest, files=files), None)
    with pytest.raises(WorkRefused, match="answers 1 golden rows") as caught:
        _judge(tmp_path)
    assert caught.value.reason is Reason.GOLDEN_MISMATCH
