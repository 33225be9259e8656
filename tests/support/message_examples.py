"""One message of every type, as a flow on the real dataset would send it."""

from datetime import UTC, datetime
from uuid import UUID

from readmit_contracts.access import AccessKey
from readmit_contracts.batches import BatchCounts, BatchRef
from readmit_contracts.commands import (
    CancelIngestion,
    CancelTraining,
    NextBatches,
    PromoteModel,
    RebuildClean,
    ResetStore,
    ResumeIngestion,
    RollbackModel,
    StartIngestion,
    TrainModel,
)
from readmit_contracts.events import (
    BatchCleaned,
    BatchFailed,
    BatchStored,
    IngestionCancelled,
    IngestionCompleted,
    IngestionFailed,
    IngestionPlanned,
    ModelEvaluated,
    ModelLoaded,
    ModelLoadFailed,
    ModelPromoted,
    ModelTrained,
    PredictionRecord,
    PredictionsMade,
    ReplacedModel,
    ReplicaReported,
    StoreReset,
    TrainingFailed,
    TrainingStarted,
)
from readmit_contracts.fields import Message
from readmit_contracts.source import DATASET_SHA256, Split

COMMAND_ID = UUID("0b0c4f43-7d6a-4f0e-9a55-3c2f1f6f1a01")
RUN_ID = UUID("5a4dfe2c-8a3b-5a39-8f11-0e4c2f6b7a02")
DATASET_ID = UUID("1571301e-beac-5482-923f-7ee277012b5d")
JOB_ID = UUID("c1b7a5de-52f7-5c06-9d4e-6a7b8c9d0e03")
LINEAGE = UUID("77f3b0aa-1c2d-4e3f-8a9b-0c1d2e3f4a04")
SEGMENT = UUID("2f9d1c7e-3b4a-4c5d-9e6f-7a8b9c0d1e05")
PREDICTION_ID = UUID("8e1f2a3b-4c5d-5e6f-8a7b-9c0d1e2f3a06")
MODEL_ID = "a1" * 32
CHAMPION_ID = "b2" * 32
COUNTS = BatchCounts(planned=15_000, published=15_000, stored=14_996, duplicate=1, quarantined=3, discarded=0)


def batch(split: Split = "train", number: int = 0, *, rows: int = 14_996) -> BatchRef:
    """Give a reference to a clean batch of the example dataset."""
    return BatchRef(dataset_id=DATASET_ID, dataset_no=1, split=split, batch=number, rows=rows, sha256="c3" * 32)


EXAMPLES: tuple[Message, ...] = (
    StartIngestion(
        batches={"train": "all", "validation": NextBatches(next=1), "test": (0, 1)},
        then="train",
        dataset_sha256=DATASET_SHA256,
    ),
    CancelIngestion(run_id=RUN_ID, reason="wrong batches"),
    ResumeIngestion(run_id=RUN_ID),
    ResetStore(reason="a fresh start", actor="operator"),
    RebuildClean(reason="a clean row was altered by hand", actor="operator"),
    TrainModel(),
    CancelTraining(job_id=JOB_ID, reason="the machine is needed"),
    PromoteModel(model_id=MODEL_ID, expected_epoch=3, reason="better recall", actor="operator"),
    RollbackModel(to_epoch=2, expected_epoch=4, reason="drift", actor="operator"),
    IngestionPlanned(
        run_id=RUN_ID,
        command_id=COMMAND_ID,
        dataset_id=DATASET_ID,
        dataset_no=1,
        generation=0,
        batches={"train": (0, 1), "validation": (0,), "test": ()},
        rows=45_000,
        then="train_and_promote",
    ),
    IngestionCompleted(
        run_id=RUN_ID,
        command_id=COMMAND_ID,
        dataset_id=DATASET_ID,
        dataset_no=1,
        generation=0,
        then="train_and_promote",
        run_batches=(batch(),),
        training_set=(batch(), batch("validation", 1, rows=5_442)),
    ),
    IngestionFailed(run_id=RUN_ID, generation=0, reason="QUARANTINE_LIMIT", detail="Batch 0 of train is over it."),
    IngestionCancelled(run_id=RUN_ID, generation=0, command_id=COMMAND_ID, reason="wrong batches"),
    StoreReset(generation=1, command_id=COMMAND_ID, reason="a fresh start", actor="operator"),
    BatchStored(dataset_id=DATASET_ID, dataset_no=1, split="train", batch=0, generation=0, counts=COUNTS),
    BatchCleaned(batch=batch(), generation=0, counts=COUNTS),
    BatchFailed(
        dataset_id=DATASET_ID,
        dataset_no=1,
        split="train",
        batch=0,
        generation=0,
        counts=COUNTS,
        reason="QUARANTINE_LIMIT",
        detail="151 rows are set aside, 150 are the most; look at the quarantine.",
    ),
    TrainingStarted(
        job_id=JOB_ID,
        model="readmission",
        attempt=1,
        training_set_sha256="d4" * 32,
        rows={"train": 61_227, "validation": 20_442},
    ),
    ModelTrained(job_id=JOB_ID, model="readmission", attempt=1, model_id=MODEL_ID, feature_version=1, duration_s=41.5),
    ModelEvaluated(
        job_id=JOB_ID,
        model="readmission",
        model_id=MODEL_ID,
        champion_epoch=3,
        champion_model_id=CHAMPION_ID,
        metrics={"auroc": 0.6625, "brier": 0.0951},
        passed=False,
        refusals=("NOT_BETTER",),
    ),
    TrainingFailed(
        job_id=JOB_ID,
        model="readmission",
        attempt=2,
        reason="FIT_TIME_LIMIT",
        detail="The fit ran longer than 900 s; raise the limit or give it more cores.",
    ),
    ModelPromoted(
        model="readmission",
        epoch=4,
        lineage=LINEAGE,
        model_id=MODEL_ID,
        version="7",
        feature_version=1,
        replaces=ReplacedModel(epoch=3, model_id=CHAMPION_ID),
        reason="better recall",
        actor="operator",
    ),
    ReplicaReported(
        replica="predictor-0",
        model="readmission",
        epoch=None,
        lineage=None,
        model_id=None,
        feature_versions=(1,),
        status="waiting",
    ),
    ModelLoaded(
        replica="predictor-0", model="readmission", epoch=4, lineage=LINEAGE, model_id=MODEL_ID, duration_s=0.75
    ),
    ModelLoadFailed(
        replica="predictor-0",
        model="readmission",
        epoch=4,
        lineage=LINEAGE,
        model_id=MODEL_ID,
        reason="BUNDLE_SHA256",
        detail="model.txt is not the file that the manifest names; upload the bundle again.",
    ),
    PredictionsMade(
        replica="predictor-0",
        segment=SEGMENT,
        chunk=0,
        records=(
            PredictionRecord(
                prediction_id=PREDICTION_ID,
                at=datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC),
                model="readmission",
                model_id=MODEL_ID,
                epoch=4,
                probability=0.1875,
                decision="high_risk",
                threshold=0.125,
                input_sha256="e5" * 32,
            ),
        ),
    ),
    AccessKey(
        key_id="0123456789abcdef",
        sha256="f6" * 32,
        scopes=("predict",),
        expires_at=datetime(2025, 1, 1, tzinfo=UTC),
        label="the ward's dashboard",
    ),
)
