"""Bring promoted models into service, one after the other, while the one before keeps answering."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.events import ModelLoaded, ModelLoadFailed, ModelPromoted
from readmit_contracts.reasons import Reason
from readmit_features import SUPPORTED_VERSIONS
from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.errors import Transient
from readmit_runtime.lifecycle import pause

from predictor.announcements import Announcements
from predictor.bundle_source import BundleSource
from predictor.metrics import PredictorMetrics
from predictor.model_build import build_model
from predictor.promotions import Promotions, Wanted
from predictor.serving import LoadedModel, Serving

DETAIL_MAX = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt ended without a model; `again` when the same bundle may load later."""

    reason: str
    detail: str
    again: bool


class ModelLoader:
    """Loads what `Promotions` wants. A failed load changes nothing but counts, log and announcements."""

    def __init__(
        self,
        *,
        replica: str,
        promotions: Promotions,
        source: BundleSource,
        serving: Serving,
        announcements: Announcements,
        metrics: PredictorMetrics,
        new_backoff: Callable[[], Backoff] = Backoff,
        clock: Clock | None = None,
    ) -> None:
        """Take the parts; `new_backoff` makes the pauses between the attempts at one promotion."""
        self._replica = replica
        self._promotions = promotions
        self._source = source
        self._serving = serving
        self._announcements = announcements
        self._metrics = metrics
        self._new_backoff = new_backoff
        self._clock = clock or SystemClock()
        self.busy = False
        """Whether a promotion is being loaded, or waits for the next attempt."""

    async def run(self, stop: asyncio.Event) -> None:
        """Load each promotion that comes to be wanted, until `stop`; a load under way then is given up."""
        work = asyncio.create_task(self._run(stop), name="load models")
        stopped = asyncio.create_task(stop.wait(), name="stop loading")
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            work.cancel()
            stopped.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)

    async def _run(self, stop: asyncio.Event) -> None:
        settled: Wanted | None = None
        while (wanted := await self._promotions.next_after(settled, stop)) is not None:
            settled = wanted
            self.busy = True
            await self._bring_in(wanted, stop)
            self.busy = False

    async def _bring_in(self, wanted: Wanted, stop: asyncio.Event) -> None:
        """Try until the model answers, is refused for good, or another promotion is wanted."""
        backoff = self._new_backoff()
        announced: set[str] = set()
        while not stop.is_set() and self._promotions.wanted is wanted:
            failure = await self._attempt(wanted)
            if failure is None:
                return
            self._note_failure(wanted.promotion, failure, announce=failure.reason not in announced)
            announced.add(failure.reason)
            if not failure.again:
                return
            await pause(backoff.next_s(), self._promotions.changed, stop)

    async def _attempt(self, wanted: Wanted) -> Failure | None:
        try:
            model = await self._load(wanted.promotion)
        except BundleInvalid as error:
            # a bundle that is not there yet may still be restored; one that is wrong needs another promotion
            return Failure(error.reason, error.detail, again=error.reason is Reason.BUNDLE_MISSING)
        except Transient as error:
            return Failure(Reason.OBJECT_STORE, str(error), again=True)
        self._serving.swap(model)
        self._note_success(wanted)
        return None

    async def _load(self, promotion: ModelPromoted) -> LoadedModel:
        current = self._serving.current
        if current is not None and current.identity.model_id == promotion.model_id:
            return current.promoted(
                promotion, now=self._clock.now()
            )  # the id is the content: there is nothing to fetch
        if promotion.feature_version not in SUPPORTED_VERSIONS:
            readable = ", ".join(str(version) for version in SUPPORTED_VERSIONS)
            raise BundleInvalid(
                Reason.FEATURE_VERSION,
                f"The model needs feature version {promotion.feature_version}, this release reads {readable}; "
                "run a release that reads it.",
            )
        bundle = await self._source.fetch(promotion.model_id)
        return await asyncio.to_thread(build_model, bundle, promotion, now=self._clock.now())

    def _note_success(self, wanted: Wanted) -> None:
        promotion = wanted.promotion
        duration_s = self._clock.monotonic() - wanted.read_at
        log.info("model_loaded", epoch=promotion.epoch, model_id=promotion.model_id, duration_s=round(duration_s, 3))
        self._metrics.loaded(promotion.epoch, duration_s)
        self._announcements.announce(
            ModelLoaded(
                replica=self._replica,
                model=promotion.model,
                epoch=promotion.epoch,
                lineage=promotion.lineage,
                model_id=promotion.model_id,
                duration_s=duration_s,
            )
        )

    def _note_failure(self, promotion: ModelPromoted, failure: Failure, *, announce: bool) -> None:
        log.warning(
            "model_load_failed",
            epoch=promotion.epoch,
            model_id=promotion.model_id,
            reason=failure.reason,
            detail=failure.detail,
            again=failure.again,
        )
        self._metrics.load_failed(failure.reason)
        if announce:
            self._announcements.announce(
                ModelLoadFailed(
                    replica=self._replica,
                    model=promotion.model,
                    epoch=promotion.epoch,
                    lineage=promotion.lineage,
                    model_id=promotion.model_id,
                    reason=failure.reason,
                    detail=failure.detail[:DETAIL_MAX],
                )
            )
