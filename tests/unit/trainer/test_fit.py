from pathlib import Path
from uuid import UUID

import msgspec
import numpy as np
import pytest
from readmit_contracts.bundle import MANIFEST_FILE, MAX_BYTES, read_bundle
from readmit_contracts.golden import golden_mismatches
from readmit_contracts.predictions import REQUEST_COLUMNS, Encounter
from readmit_contracts.reasons import Reason
from readmit_contracts.source import Split
from support.cohort import cohort, write_frame
from support.small_fit import SMALL, FitFolder, fit_here, prepare_fit
from trainer.bundle import BundleFiles, collect_bundle, collect_evidence, evidence_folder, load_bundle, save_bundle
from trainer.child import WorkRefused
from trainer.evaluate import evaluate
from trainer.fit_files import FRAME_FILE, METRICS_FILE, FitRequest, read_metrics, write_request
from trainer.frame import read_frame
from trainer.model import Model, probabilities
from trainer.progress import Round, Stage


@pytest.fixture(scope="module")
def bundle(fitted: FitFolder) -> BundleFiles:
    """The bundle of the small model."""
    return collect_bundle(fitted.path)


def test_the_same_job_gives_the_same_bytes(fitted: FitFolder, bundle: BundleFiles, tmp_path: Path) -> None:
    """A model trained again, in another process, is the same model; else its id would say nothing of its data."""
    again = fit_here(prepare_fit(tmp_path))
    assert collect_bundle(again).files == bundle.files
    assert collect_bundle(again).model_id == bundle.model_id
    assert (again / METRICS_FILE).read_bytes() == (fitted.path / METRICS_FILE).read_bytes()


@pytest.mark.parametrize(
    ("recipe", "train_seed"), [(msgspec.structs.replace(SMALL, seed=2), 1), (SMALL, 9)], ids=["recipe", "rows"]
)
def test_another_recipe_or_other_rows_give_another_model(
    bundle: BundleFiles, tmp_path: Path, recipe: object, train_seed: int
) -> None:
    """Equal bytes would mean nothing if everything gave them."""
    other = fit_here(prepare_fit(tmp_path, recipe=msgspec.convert(recipe, type(SMALL)), train_seed=train_seed))
    assert collect_bundle(other).model_id != bundle.model_id


def test_a_fit_tells_its_steps_in_order_and_its_rounds_between(fitted: FitFolder) -> None:
    """A person sees how far it is, and a watchdog that it moves."""
    stages = [event.name for event in fitted.progress if isinstance(event, Stage)]
    assert stages == ["read", "encoded", "fitted", "evaluated", "written"]
    rounds = [event for event in fitted.progress if isinstance(event, Round)]
    assert rounds[0].number == 1
    assert rounds[0].rounds_max == SMALL.rounds_max


def test_metrics_are_those_of_the_served_model(fitted: FitFolder, bundle: BundleFiles) -> None:
    """What is on record must be what the bundle does, calibration and threshold included."""
    read = read_bundle(bundle.manifest, bundle.files, model_id=bundle.model_id)
    model = Model(read.model, read.features, threads=1)
    metrics = read_metrics(fitted.path)
    frame = read_frame(fitted.path / FRAME_FILE)
    splits: tuple[Split, ...] = ("validation", "test")
    for split in splits:
        served = probabilities(read.calibration, model.scores(frame[split].columns))
        expected = evaluate(frame[split].labels, served, threshold=read.calibration.threshold.value)
        assert metrics.evaluations[split] == expected


def test_the_best_iteration_is_kept_and_no_later_tree(fitted: FitFolder, bundle: BundleFiles) -> None:
    """Trees after the best one were grown only to find out that they do not help."""
    metrics = read_metrics(fitted.path)
    assert metrics.best_iteration == int(np.argmax(metrics.validation_auroc)) + 1
    assert bundle.files["model.txt"].count(b"\nTree=") == metrics.best_iteration
    assert metrics.evaluations["validation"].auroc == pytest.approx(max(metrics.validation_auroc), abs=1e-9)


def test_the_model_has_learned_what_was_there_to_learn(fitted: FitFolder) -> None:
    """Made-up risk rises with inpatient stays; a model that missed it would be fed the wrong columns."""
    metrics = read_metrics(fitted.path)
    assert metrics.evaluations["test"].auroc > 0.65
    assert max(metrics.importance, key=lambda name: metrics.importance[name]) in {
        "number_inpatient",
        "visits",
        "visits_acute",
    }


def test_the_model_answers_its_golden_rows(bundle: BundleFiles) -> None:
    """One record through the record encoder: the way that serving takes."""
    read = read_bundle(bundle.manifest, bundle.files, model_id=bundle.model_id)
    model = Model(read.model, read.features, threads=1)
    assert golden_mismatches(read.golden, lambda record: model.answer(record, read.calibration)) == ()


def test_golden_rows_are_requests_and_nobodys_encounter(bundle: BundleFiles) -> None:
    """The predictor reads them as requests, and a bundle travels further than patients' rows may."""
    read = read_bundle(bundle.manifest, bundle.files, model_id=bundle.model_id)
    patients = [{name: row[name] for name in row} for row in cohort(900)]
    for row in read.golden.rows:
        encounter = msgspec.structs.asdict(msgspec.convert(row.record, Encounter))
        texts = {column.sql_name: str(encounter[column.sql_name]) for column in REQUEST_COLUMNS}
        assert not any(texts.items() <= patient.items() for patient in patients)
    assert len({msgspec.json.encode(row.record) for row in read.golden.rows}) == len(read.golden.rows)


def test_golden_rows_differ_in_their_answers(bundle: BundleFiles) -> None:
    """Rows that all end in one leaf would pass with nearly any model."""
    read = read_bundle(bundle.manifest, bundle.files, model_id=bundle.model_id)
    assert len({row.probability for row in read.golden.rows}) > len(read.golden.rows) / 2
    assert any(None in row.features for row in read.golden.rows)


def test_a_bundle_saved_to_a_folder_is_read_back(bundle: BundleFiles, tmp_path: Path) -> None:
    """The gate's child gets its models that way."""
    save_bundle(tmp_path / "champion", bundle)
    assert load_bundle(tmp_path / "champion", model_id=bundle.model_id).model == bundle.files["model.txt"]


def test_the_manifest_is_stored_last(fitted: FitFolder, bundle: BundleFiles) -> None:
    """Whoever finds a manifest finds everything that it names."""
    job_id = UUID(int=7)
    evidence = collect_evidence(fitted.path, model_id=bundle.model_id, job_id=job_id)
    assert list(bundle.objects())[-1] == f"models/{bundle.model_id}/{MANIFEST_FILE}"
    assert len(bundle.objects()) == len(MAX_BYTES) + 1
    assert list(evidence)[-1] == f"{evidence_folder(evidence)}/{MANIFEST_FILE}"
    assert evidence_folder(evidence).startswith(f"evidence/{bundle.model_id}/{job_id}/")
    assert not set(evidence) & set(bundle.objects())


def _all_late(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row | {"readmitted": "NO"} for row in rows]


@pytest.mark.parametrize(
    ("by_split", "reason"),
    [
        ({"validation": cohort(50)}, Reason.NO_TRAINING_ROWS),
        ({"train": cohort(50), "test": cohort(50)}, Reason.NO_VALIDATION_ROWS),
        ({"train": _all_late(cohort(50)), "validation": cohort(50)}, Reason.FIT_FAILED),
        ({"train": cohort(50), "validation": _all_late(cohort(50))}, Reason.FIT_FAILED),
    ],
    ids=["no train", "no validation", "train of one label", "validation of one label"],
)
def test_rows_that_teach_nothing_are_refused_with_a_reason(
    tmp_path: Path, by_split: dict[Split, list[dict[str, str]]], reason: Reason
) -> None:
    """A training set of some batches only may lack any of these, and LightGBM would not say so."""
    write_frame(tmp_path / FRAME_FILE, by_split)
    write_request(tmp_path, FitRequest(recipe=SMALL))
    with pytest.raises(WorkRefused) as caught:
        fit_here(tmp_path)
    assert caught.value.reason is reason
    assert not list(tmp_path.glob("*.txt"))


def test_test_rows_of_one_label_leave_the_rest_of_the_fit_alone(tmp_path: Path) -> None:
    """The first batches of test may come late; they judge nothing."""
    by_split: dict[Split, list[dict[str, str]]] = {
        "train": cohort(300), "validation": cohort(200, seed=2), "test": _all_late(cohort(5)),
    }  # fmt: skip
    write_frame(tmp_path / FRAME_FILE, by_split)
    write_request(tmp_path, FitRequest(recipe=SMALL))
    assert set(read_metrics(fit_here(tmp_path)).evaluations) == {"validation"}


def test_a_recipe_for_another_feature_version_is_refused(tmp_path: Path) -> None:
    """A job waits in the queue while a release changes the features."""
    prepare_fit(tmp_path, recipe=msgspec.structs.replace(SMALL, feature_version=2))
    with pytest.raises(WorkRefused) as caught:
        fit_here(tmp_path)
    assert caught.value.reason is Reason.FEATURE_VERSION


def test_a_file_that_is_no_frame_is_refused(tmp_path: Path) -> None:
    """A broken download must not look like a bug of the fit."""
    prepare_fit(tmp_path)
    (tmp_path / FRAME_FILE).write_bytes(b"broken")
    with pytest.raises(WorkRefused, match="cannot be read as Parquet"):
        fit_here(tmp_path)
