"""Show every model in MLflow, after its job is done; nothing waits for it but a promotion, and that not for long."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog
from asyncpg import Record
from readmit_contracts.bundle import BundleInvalid
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.deadline import Deadline
from readmit_runtime.errors import Transient
from readmit_runtime.object_store import ObjectMissing, ObjectStore, ObjectTooLarge

from trainer import artifacts, training_process
from trainer.fit_files import METRICS_FILE
from trainer.metrics import TrainerMetrics
from trainer.progress import Progress
from trainer.projection.mlflow_server import MlflowRefused, MlflowServer
from trainer.projection.registration import BOOSTER_FILE, read_registered, registration_of, write_registration
from trainer.projection.store import ProjectionStore
from trainer.scratch import Scratch
from trainer.training_process import ChildFailed, ChildLimits

EVIDENCE_MAX_BYTES = 16 * 1024 * 1024
LOOK_AGAIN_S = 0.25

log = structlog.get_logger(__name__)


class Projector:
    """Does one turn at a time; what a turn left undone the next one does."""

    def __init__(
        self,
        store: ProjectionStore,
        objects: ObjectStore,
        scratch: Scratch,
        server: MlflowServer,
        *,
        limits: ChildLimits,
        metrics: TrainerMetrics,
        on_registered: Callable[[], None],
        clock: Clock | None = None,
    ) -> None:
        """Take where models lie and where they are to be shown; `on_registered` is called after each."""
        self._store = store
        self._objects = objects
        self._scratch = scratch
        self._server = server
        self._limits = limits
        self._metrics = metrics
        self._on_registered = on_registered
        self._clock = clock or SystemClock()
        self._failing = False

    async def turn(self) -> None:
        """Show every model that is not shown yet; raises Transient while MLflow or the object store is away."""
        row: Record | None = None
        while (row := await self._store.next_model(after=row)) is not None:
            try:
                await self._server.answers()
                await self._show(row)
            except Transient:
                self._failing = True
                self._metrics.projected("failed")
                raise
            except MlflowRefused as error:
                self._failing = True
                self._metrics.projected("failed")
                log.warning("mlflow_refuses", why=str(error))
                return
            except (ChildFailed, BundleInvalid) as error:
                self._failing = True
                self._metrics.projected("failed")
                log.warning("model_not_registered", model_id=row["model_id"], reason=error.reason, detail=error.detail)
                continue  # one model that can't be shown must not hide the others
            self._failing = False
            self._metrics.projected("registered")
            self._on_registered()

    async def await_version(self, model_id: str, *, limit_s: float) -> None:
        """Wait until the model has a version, at most so long; not at all when the last attempt at any failed."""
        deadline = Deadline.after(limit_s, self._clock)
        while not (self._failing or deadline.expired or await self._store.has_version(model_id)):
            await self._clock.sleep(min(LOOK_AGAIN_S, deadline.remaining()))

    async def _show(self, row: Record) -> None:
        with self._scratch.folder("mlflow") as workdir:
            bundle = await artifacts.load_bundle(self._objects, row["model_id"])
            registration = registration_of(row, experiment=self._server.experiment, fit=await self._evidence(row))
            await asyncio.to_thread((workdir / BOOSTER_FILE).write_bytes, bundle.files[BOOSTER_FILE])
            await asyncio.to_thread(write_registration, workdir, registration)
            await training_process.run(
                "trainer.projection.mlflow_child",
                workdir,
                limits=self._limits,
                on_progress=_ignore,
                environment=self._server.environment(),
            )
            done = await asyncio.to_thread(read_registered, workdir)
        await self._store.note(row["model_id"], run_id=done.run_id, version=done.version)
        log.info("model_registered", model_id=row["model_id"], version=done.version, orphans=done.orphans)

    async def _evidence(self, row: Record) -> Mapping[str, Any]:
        try:
            content = await self._objects.get(f"{row['evidence_key']}/{METRICS_FILE}", max_bytes=EVIDENCE_MAX_BYTES)
            return msgspec.json.decode(content, type=dict[str, Any])
        except ObjectMissing:
            return {}
        except (ObjectTooLarge, msgspec.DecodeError, UnicodeDecodeError):
            # the model is whole without it: what is damaged is not shown
            log.warning("evidence_unreadable", model_id=row["model_id"], evidence_key=row["evidence_key"])
            return {}


def _ignore(_progress: Progress) -> None:
    """A registration takes seconds; nobody watches."""
