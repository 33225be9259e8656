"""Fit one model: the child process `python -m trainer.fit <workdir>`, which touches nothing but local files.

Reads `frame.parquet` and `request.json`; writes the files of the bundle, `metrics.json` and `timings.json`.
"""

import resource
import sys
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from readmit_contracts.bundle import CALIBRATION_FILE, FEATURES_FILE, GOLDEN_FILE, MODEL_FILE
from readmit_contracts.calibration import Calibration
from readmit_contracts.reasons import Reason
from readmit_contracts.source import Split
from readmit_features import FEATURE_VERSION, encode_table, fit_vocabularies, write_features

from trainer.booster import Examples, OnRound, fit_booster
from trainer.calibrate import uncalibrated
from trainer.child import Reporter, WorkRefused, memory_peak_bytes, run_child
from trainer.evaluate import OneClass, evaluate
from trainer.evaluation import Evaluation
from trainer.fit_files import FRAME_FILE, METRICS_FILE, TIMINGS_FILE, FitMetrics, FitTimings, read_request
from trainer.frame import FrameInvalid, SplitRows, read_frame
from trainer.golden import make_golden
from trainer.model import Model, probabilities
from trainer.progress import Round
from trainer.recipe import Recipe, library_versions

ROUNDS_BETWEEN_REPORTS = 25

Encoded = dict[Split, NDArray[np.float64]]
Frame = dict[Split, SplitRows]


def fit(workdir: Path, report: Reporter) -> None:
    """Do the work of a fit; raises WorkRefused for rows on which no model can be fitted."""
    recipe = read_request(workdir).recipe
    frame = _read(workdir, recipe)
    report.stage("read")

    vocabularies = fit_vocabularies(frame["train"].columns)
    encoded: Encoded = {split: encode_table(rows.columns, vocabularies) for split, rows in frame.items()}
    report.stage("encoded")

    examples = {split: Examples(inputs, frame[split].labels) for split, inputs in encoded.items()}
    fitted = fit_booster(
        recipe, train=examples["train"], validation=examples["validation"], on_round=_rounds(recipe, report)
    )
    report.stage("fitted")

    # read back from what is served, so that nothing is measured but that
    features = write_features(vocabularies)
    model = Model(fitted.model, features, threads=recipe.threads)
    scores: Encoded = {split: model.scores_encoded(encoded[split]) for split in encoded if split != "train"}
    calibration = uncalibrated(scores["validation"], share=recipe.flagged_share)
    golden = make_golden(frame["train"].columns, lambda record: model.answer(record, calibration))
    metrics = FitMetrics(
        recipe=recipe,
        recipe_sha256=recipe.digest(),
        libraries=library_versions(),
        best_iteration=fitted.best_iteration,
        validation_auroc=fitted.validation_auroc,
        evaluations=_evaluations(frame, scores, calibration),
        importance=model.importance(),
    )
    report.stage("evaluated")

    (workdir / MODEL_FILE).write_bytes(fitted.model)
    (workdir / FEATURES_FILE).write_bytes(features)
    (workdir / CALIBRATION_FILE).write_bytes(msgspec.json.encode(calibration))
    (workdir / GOLDEN_FILE).write_bytes(msgspec.json.encode(golden))
    (workdir / METRICS_FILE).write_bytes(msgspec.json.encode(metrics))
    report.stage("written")
    (workdir / TIMINGS_FILE).write_bytes(msgspec.json.encode(_timings(report)))


def _read(workdir: Path, recipe: Recipe) -> Frame:
    if recipe.feature_version != FEATURE_VERSION:
        detail = f"The recipe is for feature version {recipe.feature_version}, this release makes {FEATURE_VERSION}."
        raise WorkRefused(Reason.FEATURE_VERSION, detail)
    try:
        frame = read_frame(workdir / FRAME_FILE)
    except FrameInvalid as error:
        raise WorkRefused(Reason.FIT_FAILED, str(error)) from error
    if not len(frame["train"]):
        raise WorkRefused(Reason.NO_TRAINING_ROWS, "The training set has no train rows; ingest batches of train.")
    if not len(frame["validation"]):
        detail = "The training set has no validation rows, so nothing says when to stop; ingest batches of validation."
        raise WorkRefused(Reason.NO_VALIDATION_ROWS, detail)
    for split in ("train", "validation"):
        if len(np.unique(frame[split].labels)) == 1:
            raise WorkRefused(
                Reason.FIT_FAILED, f"All {split} rows have the same label; ingest more batches of {split}."
            )
    return frame


def _rounds(recipe: Recipe, report: Reporter) -> OnRound:
    def on_round(number: int, auroc: float) -> None:
        if number == 1 or number % ROUNDS_BETWEEN_REPORTS == 0:
            report(Round(number, recipe.rounds_max, auroc))

    return on_round


def _evaluations(frame: Frame, scores: Encoded, calibration: Calibration) -> dict[Split, Evaluation]:
    evaluations: dict[Split, Evaluation] = {}
    for split, values in scores.items():
        try:
            evaluations[split] = evaluate(
                frame[split].labels, probabilities(calibration, values), threshold=calibration.threshold.value
            )
        except OneClass:
            continue  # a part of the test rows may be too few to say anything; validation was checked before
    return evaluations


def _timings(report: Reporter) -> FitTimings:
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = round(used.ru_utime + used.ru_stime, 3)
    return FitTimings(elapsed_s=report.stages, cpu_s=cpu_s, memory_peak_bytes=memory_peak_bytes())


if __name__ == "__main__":
    sys.exit(run_child(fit))
