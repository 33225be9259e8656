"""Put a model before the gate, in a child, on the validation rows of the job that made it."""

import asyncio
from pathlib import Path

from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.events import ReplacedModel
from readmit_contracts.reasons import Reason
from readmit_runtime.object_store import ObjectMissing, ObjectStore

from trainer import artifacts, training_process
from trainer.bundle import save_bundle
from trainer.decision import Decision
from trainer.fit_files import FRAME_FILE
from trainer.judge_files import (
    CHALLENGER_FOLDER,
    CHAMPION_FOLDER,
    JudgeRequest,
    read_decision,
    write_judge_request,
)
from trainer.progress import Progress
from trainer.scratch import Scratch
from trainer.training_process import ChildKilled, ChildLimits

TRIES = 3


class GateWork:
    """Knows how a verdict is come to; holds nothing of any one."""

    def __init__(self, objects: ObjectStore, scratch: Scratch, *, limits: ChildLimits) -> None:
        self._objects = objects
        self._scratch = scratch
        self._limits = limits

    async def judge(self, challenger: str, *, champion: ReplacedModel | None, frame_key: str) -> Decision:
        """Return the gate's decision on the challenger's own validation rows.

        Raises BundleInvalid, ChildFailed; Transient while the object store is away. A child that was killed from
        outside is started anew, up to three times in all.
        """
        with self._scratch.folder("gate") as workdir:
            await self._prepare(workdir, challenger, champion, frame_key)
            for left in reversed(range(TRIES)):
                try:
                    await training_process.run("trainer.judge", workdir, limits=self._limits, on_progress=_ignore)
                    break
                except ChildKilled:
                    if not left:
                        raise
            return await asyncio.to_thread(read_decision, workdir)

    async def _prepare(self, workdir: Path, challenger: str, champion: ReplacedModel | None, frame_key: str) -> None:
        try:
            await artifacts.load_frame(self._objects, frame_key, workdir / FRAME_FILE)
        except ObjectMissing:
            detail = "The object store lacks the rows that the model was trained on; restore them or train again."
            raise BundleInvalid(Reason.BUNDLE_MISSING, detail) from None
        models = {CHALLENGER_FOLDER: challenger} | ({CHAMPION_FOLDER: champion.model_id} if champion else {})
        for folder, model_id in models.items():
            bundle = await artifacts.load_bundle(self._objects, model_id)
            await asyncio.to_thread(save_bundle, workdir / folder, bundle)
        request = JudgeRequest(challenger=challenger, champion=champion.model_id if champion else None)
        await asyncio.to_thread(write_judge_request, workdir, request)


def _ignore(_progress: Progress) -> None:
    """The gate takes seconds; nobody watches."""
