"""Do one training job: rows to frame, frame to model, model to the object store."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from readmit_contracts.batches import batches_sha256
from readmit_contracts.reasons import Reason
from readmit_runtime import tracing
from readmit_runtime.database import Pool
from readmit_runtime.errors import Rejected
from readmit_runtime.object_store import ObjectStore

from trainer import artifacts, job_identity, training_process
from trainer.bundle import collect_bundle, collect_evidence, evidence_folder
from trainer.fit_files import FRAME_FILE, FitMetrics, FitRequest, read_metrics, write_request
from trainer.progress import Progress, Round, Stage
from trainer.recipe import Recipe
from trainer.scratch import Scratch
from trainer.training_process import ChildLimits
from trainer.work import training_set_store
from trainer.work.store import ClaimedJob, TrainedModel


class JobProgress:
    """How far one job is: the stage for people to read, and what each stage took."""

    def __init__(self) -> None:
        self.stage = "claimed"
        self.durations_s: dict[str, float] = {}
        self._began = self._last = time.monotonic()

    def begin(self, stage: str) -> None:
        """Say what is done from now on."""
        self.stage = stage

    def ended(self, name: str) -> None:
        """Note what the step took."""
        now = time.monotonic()
        self.durations_s[name] = round(now - self._last, 3)
        self._last = now

    def elapsed_s(self) -> float:
        """Return the seconds since the claim."""
        return round(time.monotonic() - self._began, 3)

    def follow(self, progress: Progress) -> None:
        """Take in what the child tells."""
        if isinstance(progress, Round):
            self.stage = f"fitting: tree {progress.number} of at most {progress.rounds_max}"
        elif isinstance(progress, Stage):
            self.stage = f"fitting: {progress.name}"


class JobWork:
    """Knows how a job is done; holds nothing of any one job."""

    def __init__(
        self,
        pool: Pool,
        objects: ObjectStore,
        scratch: Scratch,
        *,
        recipe: Recipe,
        libraries: Mapping[str, str],
        limits: ChildLimits,
    ) -> None:
        self._pool = pool
        self._objects = objects
        self._scratch = scratch
        self._recipe = recipe
        self._method = job_identity.method_sha256(recipe, libraries)
        self._limits = limits

    async def do(self, job: ClaimedJob, progress: JobProgress) -> TrainedModel:
        """Return what the job came to; all of it lies in the object store then.

        Raises Rejected(DATASET_CHANGED), ChildFailed, BundleInvalid; Transient while a dependency is away.
        """
        if job.method_sha256 != self._method:
            raise Rejected(Reason.REFUSED, "The job is for another release's recipe or libraries; ask for it again.")
        with self._scratch.folder(f"{job.job_id}-{job.attempt}") as workdir:
            progress.begin("reading")
            await training_set_store.write_frame(self._pool, job, workdir / FRAME_FILE)
            progress.ended("read")
            digest = batches_sha256(job.training_set)
            frame_key = await artifacts.store_frame(self._objects, workdir / FRAME_FILE, training_set_sha256=digest)
            progress.ended("frame_stored")
            progress.begin("fitting")
            await asyncio.to_thread(write_request, workdir, FitRequest(recipe=self._recipe))
            with tracing.span("training.fit"):
                await training_process.run("trainer.fit", workdir, limits=self._limits, on_progress=progress.follow)
            progress.ended("fitted")
            progress.begin("uploading")
            model_id, evidence_key = await self._upload(job, workdir)
            metrics = await asyncio.to_thread(read_metrics, workdir)
            progress.ended("uploaded")
            return TrainedModel(
                model_id=model_id,
                frame_key=frame_key,
                evidence_key=evidence_key,
                metrics=figures(metrics),
                durations_s=progress.durations_s,
            )

    async def _upload(self, job: ClaimedJob, workdir: Path) -> tuple[str, str]:
        bundle = await asyncio.to_thread(collect_bundle, workdir)
        evidence = await asyncio.to_thread(collect_evidence, workdir, model_id=bundle.model_id, job_id=job.job_id)
        await artifacts.store_bundle(self._objects, bundle)
        await artifacts.store_objects(self._objects, evidence)
        return bundle.model_id, evidence_folder(evidence)


def figures(metrics: FitMetrics) -> Mapping[str, Any]:
    """Return what the job's row keeps of the fit: the figures by split, and how long it learned."""
    by_split: dict[str, Any] = {split: figures.figures() for split, figures in metrics.evaluations.items()}
    return by_split | {"best_iteration": metrics.best_iteration}
