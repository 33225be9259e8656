"""Name and shape the files by which a fit is asked for and answers."""

from pathlib import Path

import msgspec
from readmit_contracts.bundle import CALIBRATION_FILE, FEATURES_FILE, GOLDEN_FILE, MODEL_FILE
from readmit_contracts.source import Split

from trainer.evaluation import Evaluation
from trainer.recipe import Recipe

FRAME_FILE = "frame.parquet"
REQUEST_FILE = "request.json"
METRICS_FILE = "metrics.json"
TIMINGS_FILE = "timings.json"

SERVING_FILES = (MODEL_FILE, FEATURES_FILE, CALIBRATION_FILE, GOLDEN_FILE)
EVIDENCE_FILES = (METRICS_FILE, TIMINGS_FILE)


class FitRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with the frame that lies beside this file."""

    recipe: Recipe


class FitMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What the fit came to; the same job has the same."""

    recipe: Recipe
    recipe_sha256: str
    libraries: dict[str, str]
    best_iteration: int
    validation_auroc: tuple[float, ...]
    evaluations: dict[Split, Evaluation]
    importance: dict[str, float]


class FitTimings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time and memory went; differs from run to run."""

    elapsed_s: dict[str, float]
    cpu_s: float
    memory_peak_bytes: int | None


def write_request(workdir: Path, request: FitRequest) -> None:
    """Write the request into the folder that the child gets."""
    (workdir / REQUEST_FILE).write_bytes(msgspec.json.encode(request))


def read_request(workdir: Path) -> FitRequest:
    """Return the request; raises msgspec.DecodeError."""
    return msgspec.json.decode((workdir / REQUEST_FILE).read_bytes(), type=FitRequest)


def read_timings(workdir: Path) -> FitTimings:
    """Return where the time and memory went; raises msgspec.DecodeError."""
    return msgspec.json.decode((workdir / TIMINGS_FILE).read_bytes(), type=FitTimings)


def read_metrics(workdir: Path) -> FitMetrics:
    """Return what the fit came to; raises msgspec.DecodeError."""
    return msgspec.json.decode((workdir / METRICS_FILE).read_bytes(), type=FitMetrics)
