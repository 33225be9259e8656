"""Say who this replica is, and every few seconds that it lives and what it serves."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid4

from readmit_contracts.events import ReplicaReported, ReplicaStatus
from readmit_contracts.topics import MODELS_LOADED
from readmit_features import SUPPORTED_VERSIONS
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.lifecycle import pause
from readmit_runtime.messages import outgoing
from readmit_runtime.producer import Producer

from predictor.delivery import SOURCE, deliver
from predictor.metrics import PredictorMetrics
from predictor.serving import Serving

_HOST_MAX = 60


def replica_name(given: str | None, *, host: str, process: int, started: datetime) -> str:
    """Return the given name, or one made of host, process id and start, which no two processes share."""
    if given is not None:
        return given
    place = re.sub(r"[^A-Za-z0-9._-]", "-", host)[:_HOST_MAX].lstrip("._-") or "host"
    return f"{place}-{process}-{int(started.timestamp() * 1000):x}"


class ReplicaReporter:
    """Reports to `readmit.models.loaded.v1` from the start on; a report that fails is made good by the next."""

    def __init__(
        self,
        *,
        replica: str,
        model: str,
        serving: Serving,
        is_loading: Callable[[], bool],
        producer: Producer,
        interval_s: float,
        metrics: PredictorMetrics,
        clock: Clock | None = None,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        """Take what a report tells; `model` is the name that the replica follows."""
        self._replica = replica
        self._model = model
        self._serving = serving
        self._is_loading = is_loading
        self._producer = producer
        self._interval_s = interval_s
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._new_id = new_id

    async def run(self, stop: asyncio.Event) -> None:
        """Report every `interval_s` seconds until `stop`, then once more that the replica is stopping."""
        while not stop.is_set():
            await self._report(self._status())
            await pause(self._interval_s, stop)
        await self._report("stopping")

    def _status(self) -> ReplicaStatus:
        if self._is_loading():
            return "loading"
        return "waiting" if self._serving.current is None else "serving"

    async def _report(self, status: ReplicaStatus) -> None:
        served = self._serving.identity()
        report = ReplicaReported(
            replica=self._replica,
            model=self._model,
            epoch=None if served is None else served.epoch,
            lineage=None if served is None else served.lineage,
            model_id=None if served is None else served.model_id,
            feature_versions=SUPPORTED_VERSIONS,
            status=status,
        )
        record = outgoing(MODELS_LOADED, report, source=SOURCE, id=self._new_id(), time=self._clock.now())
        await deliver(self._producer, record, kind="report", metrics=self._metrics)
