"""Let the trainer make models whose answers differ, and work out offline what each of them answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from readmit_cli.stack.credentials import DATABASE_OWNER
from readmit_contracts.columns import COLUMNS
from readmit_contracts.source import split_of
from readmit_runtime.database import connect
from readmit_runtime.settings import PostgresSettings
from support.cohort import cohort
from support.encounters import source_file
from support.model_bundles import offline_probabilities, request_of
from support.planned_store import PlannedStore, records
from support.predictor_process import PredictorWorld
from support.running_stack import RunningStack
from trainer.artifacts import load_bundle

ROWS = 9_000
TRAIN_ROWS = (0, 500, 1_200, 2_600, 5_000)  # each model is trained on the rows up to here, and so better than the last
PROBES = 40

Row = dict[str, str]


@dataclass(frozen=True)
class Contender:
    """A trained model, the AUROC by which the gate ranks it, and its answer to each probe."""

    model_id: str
    auroc: float
    expected: tuple[float, ...]


@dataclass(frozen=True)
class Contenders:
    """The models, worst first, and the requests that tell each from all others by its answer."""

    models: Sequence[Contender]
    probes: Sequence[dict[str, int | str]]


async def train_contenders(running: RunningStack, world: PredictorWorld, folder: Path) -> Contenders:
    """Store rows piece by piece and have a model trained after each; none is promoted."""
    rows = cohort(ROWS, seed=7)
    by_split = {split: [row for row in rows if split_of(row["patient_nbr"]) == split] for split in ("train", "test")}
    kept = [row for row in rows if split_of(row["patient_nbr"]) == "validation"] + by_split["test"]
    aurocs: dict[str, float] = {}
    for number, (first, last) in enumerate(pairwise(TRAIN_ROWS), start=1):
        # all models are judged on the same rows, those of the first piece
        await _ingest(running, folder, by_split["train"][first:last] + (kept if number == 1 else []), number)
        train = ("train", "--model", world.model, "--no-promote")
        model = (await asyncio.to_thread(running.json, *train))["model"]
        aurocs[model["model_id"]] = model["metrics"]["validation"]["auroc"]
    assert len(set(aurocs.values())) == len(TRAIN_ROWS) - 1, aurocs
    return await _probed(world, aurocs)


async def _ingest(running: RunningStack, folder: Path, rows: Sequence[Row], number: int) -> None:
    lines = [",".join(row[column.sql_name] for column in COLUMNS) for row in rows]
    source = source_file(lines)
    admin = await connect(_database(running, DATABASE_OWNER))
    try:
        store = PlannedStore(admin, _database(running, "readmit_ingestor"), folder)
        await store.plan(source, lines)
        await store.store(records(source, number))
        await store.clean()
    finally:
        await admin.close()


async def _probed(world: PredictorWorld, aurocs: dict[str, float]) -> Contenders:
    rows = cohort(10 * PROBES, seed=11)
    answers = {model_id: offline_probabilities(await load_bundle(world.store, model_id), rows) for model_id in aurocs}
    telling = [at for at, given in enumerate(zip(*answers.values(), strict=True)) if len(set(given)) == len(given)]
    assert len(telling) >= PROBES, f"{len(telling)} rows tell the models apart"
    chosen = telling[:PROBES]
    return Contenders(
        models=[
            Contender(model_id, aurocs[model_id], tuple(answers[model_id][at] for at in chosen))
            for model_id in sorted(aurocs, key=aurocs.__getitem__)
        ],
        probes=[request_of(rows[at]) for at in chosen],
    )


def _database(running: RunningStack, login: str) -> PostgresSettings:
    return PostgresSettings.model_validate(asdict(running.stack.database(login)))
