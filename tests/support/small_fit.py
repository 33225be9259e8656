"""Ask for a fit small enough for a unit test."""

import os
from pathlib import Path

import msgspec
from support.cohort import cohort, write_frame
from trainer.child import Reporter
from trainer.fit import fit
from trainer.fit_files import FRAME_FILE, FitRequest, write_request
from trainer.progress import Progress
from trainer.recipe import Recipe, baseline

SMALL = msgspec.structs.replace(
    baseline(threads=1), name="small", min_data_in_leaf=20, num_leaves=8, rounds_max=40, early_stopping_rounds=10
)


class FitFolder(msgspec.Struct, frozen=True):
    """A folder in which a child fitted a model, and the progress that it told."""

    path: Path
    progress: list[Progress]


def prepare_fit(folder: Path, *, recipe: Recipe = SMALL, train_seed: int = 1) -> Path:
    """Write a small frame and the request for it; another seed makes other training rows."""
    by_split = {"train": cohort(900, seed=train_seed), "validation": cohort(400, seed=2), "test": cohort(300, seed=3)}
    write_frame(folder / FRAME_FILE, by_split)
    write_request(folder, FitRequest(recipe=recipe))
    return folder


def fit_here(folder: Path) -> Path:
    """Fit in this process, telling nobody."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        fit(folder, Reporter(descriptor))
    finally:
        os.close(descriptor)
    return folder
