"""Put a challenger before the gate: the child process `python -m trainer.judge <workdir>`.

Reads `frame.parquet`, `judge.json` and the bundles in `challenger/` and, when there is one, `champion/`; writes
`decision.json`. Each bundle is checked against its id and its golden rows before it is believed.
"""

import sys
from pathlib import Path

import msgspec
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.golden import golden_mismatches
from readmit_contracts.reasons import Reason
from readmit_features import FeaturesInvalid

from trainer.bundle import load_bundle
from trainer.child import Reporter, WorkRefused, run_child
from trainer.evaluate import OneClass
from trainer.fit_files import FRAME_FILE
from trainer.frame import FrameInvalid, SplitRows, read_frame
from trainer.gate import Judged, decide
from trainer.judge_files import CHALLENGER_FOLDER, CHAMPION_FOLDER, DECISION_FILE, JUDGE_FILE, JudgeRequest
from trainer.model import Model, probabilities

THREADS = 2


def judge(workdir: Path, report: Reporter) -> None:
    """Do the work; raises WorkRefused for a bundle or frame that cannot be used."""
    request = msgspec.json.decode((workdir / JUDGE_FILE).read_bytes(), type=JudgeRequest)
    try:
        rows = read_frame(workdir / FRAME_FILE, splits=("validation",))["validation"]
        report.stage("read")
        challenger = _judged(workdir / CHALLENGER_FOLDER, request.challenger, rows)
        champion = None
        if request.champion is not None:
            champion = _judged(workdir / CHAMPION_FOLDER, request.champion, rows)
        report.stage("scored")
        decision = decide(rows.labels, rows.patients, challenger=challenger, champion=champion)
    except (BundleInvalid, FeaturesInvalid) as error:
        raise WorkRefused(error.reason, error.detail) from error
    except (FrameInvalid, OneClass) as error:
        raise WorkRefused(Reason.FIT_FAILED, str(error)) from error
    (workdir / DECISION_FILE).write_bytes(msgspec.json.encode(decision))
    report.stage("decided")


def _judged(folder: Path, model_id: str, rows: SplitRows) -> Judged:
    bundle = load_bundle(folder, model_id=model_id)
    model = Model(bundle.model, bundle.features, threads=THREADS)
    wrong = golden_mismatches(bundle.golden, lambda record: model.answer(record, bundle.calibration))
    if wrong:
        detail = f"The {folder.name} answers {len(wrong)} golden rows otherwise than when it was trained; train again."
        raise WorkRefused(Reason.GOLDEN_MISMATCH, detail)
    return Judged(
        model_id=model_id,
        probabilities=probabilities(bundle.calibration, model.scores(rows.columns)),
        threshold=bundle.calibration.threshold.value,
    )


if __name__ == "__main__":
    sys.exit(run_child(judge))
