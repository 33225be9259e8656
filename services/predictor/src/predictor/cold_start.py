"""Start with the model that served last, while nothing else can be reached yet."""

import asyncio
from dataclasses import replace
from pathlib import Path

import structlog
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.events import ModelPromoted
from readmit_contracts.reasons import Reason
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.logs import describe

from predictor.metrics import PredictorMetrics
from predictor.model_build import build_model
from predictor.model_cache import ModelCache
from predictor.promoted_bundle import PromotedBundle
from predictor.serving import LoadedModel, Serving
from predictor.trial_process import Trial, TrialUnfinished

TRIES = 3
PAUSE_S = 0.5

log = structlog.get_logger(__name__)


class ColdStart:
    """Brings the newest sound model of the cache into service, checked like a fetched one and not confirmed."""

    def __init__(
        self,
        model: str,
        cache: ModelCache,
        *,
        trial: Trial,
        serving: Serving,
        metrics: PredictorMetrics,
        clock: Clock | None = None,
    ) -> None:
        """Take the parts; `model` is the name that the replica follows."""
        self._model = model
        self._cache = cache
        self._trial = trial
        self._serving = serving
        self._metrics = metrics
        self._clock = clock or SystemClock()

    async def restore(self) -> ModelPromoted | None:
        """Serve the newest model that is sound and return the promotion it answers for; None when there is none.

        One that is damaged or refused is thrown away and counted.
        """
        try:
            files = await asyncio.to_thread(self._cache.kept)
        except OSError as error:
            log.warning("model_cache_unreadable", reason=describe(error))
            return None
        for path in files:
            try:
                kept = await self._restore(path)
            except OSError as error:
                log.warning("kept_model_unreadable", file=path.name, reason=describe(error))
                continue
            if kept is not None:
                return kept
        return None

    async def _restore(self, path: Path) -> ModelPromoted | None:
        try:
            bundle, model = await self._load(path)
        except BundleInvalid as error:
            log.warning("kept_model_discarded", file=path.name, reason=error.reason, detail=error.detail)
            self._metrics.discarded(error.reason)
            await asyncio.to_thread(self._cache.discard, path)
            return None
        except TrialUnfinished as error:
            log.warning("kept_model_not_tried", file=path.name, reason=describe(error))
            return None
        self._serving.swap(replace(model, confirmed=False))
        self._metrics.restored(bundle.promotion.epoch)
        log.info("model_restored", epoch=bundle.promotion.epoch, model_id=bundle.promotion.model_id)
        return bundle.promotion

    async def _load(self, path: Path) -> tuple[PromotedBundle, LoadedModel]:
        bundle = await asyncio.to_thread(self._cache.read, path)
        if bundle.promotion.model != self._model:
            raise BundleInvalid(Reason.UNKNOWN_MODEL, f"{path.name} was kept for another model name.")
        await self._try(bundle)
        return bundle, await asyncio.to_thread(build_model, bundle.read(), bundle.promotion, now=self._clock.now())

    async def _try(self, bundle: PromotedBundle) -> None:
        """Let the bundle be tried, more than once when it comes to no end: it may be all that there is."""
        for _ in range(TRIES - 1):
            try:
                await self._trial.check(bundle)
            except TrialUnfinished:
                await self._clock.sleep(PAUSE_S)
            else:
                return
        await self._trial.check(bundle)
