"""Fit the model that everything serves: the trainer's baseline on the dataset."""

import os
from dataclasses import dataclass
from pathlib import Path

from readmit_contracts.bundle import MODEL_FILE
from readmit_contracts.columns import COLUMNS
from readmit_contracts.source import DATASET_SHA256, SPLITS, SourceFile
from serving.systems import HERE
from support.cohort import write_frame
from trainer.bundle import BundleFiles, collect_bundle
from trainer.fit_files import FRAME_FILE, FitRequest, write_request
from trainer.recipe import baseline
from trainer.training_process import ChildLimits, run

DATASET = Path(os.environ.get("READMIT_DATASET", HERE.parents[1] / ".local" / "data" / "dataset.csv"))

Raw = list[dict[str, str]]


@dataclass(frozen=True)
class Fitted:
    """The bundle, the encounters of the test split by SQL name, and the dataset's digest."""

    bundle: BundleFiles
    rows: Raw
    dataset_sha256: str


async def fit(folder: Path) -> Fitted:
    """Fit it in the folder, as the trainer does."""
    source = SourceFile.read(DATASET)
    if source.sha256 != DATASET_SHA256:
        print("NOT THE REAL DATASET: these figures are about another model", flush=True)
    names = [column.sql_name for column in COLUMNS]
    rows = {
        split: [dict(zip(names, line.decode().split(","), strict=True)) for line in source.lines(split)]
        for split in SPLITS
    }
    write_frame(folder / FRAME_FILE, rows)
    write_request(folder, FitRequest(recipe=baseline()))
    await run("trainer.fit", folder, limits=ChildLimits(), on_progress=lambda progress: None)
    bundle = collect_bundle(folder)
    print(f"model: {bundle.files[MODEL_FILE].count(b'Tree=')} trees", flush=True)
    return Fitted(bundle, rows["test"], source.sha256)
