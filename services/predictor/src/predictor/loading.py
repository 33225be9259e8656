"""Bring promoted models into service, one after the other, while the one before keeps answering."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.events import ModelPromoted
from readmit_contracts.reasons import Reason
from readmit_features import SUPPORTED_VERSIONS
from readmit_runtime import tracing
from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.errors import Transient
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe

from predictor.bundle_source import BundleSource
from predictor.cold_start import ColdStart
from predictor.load_reports import Failure, LoadReports
from predictor.model_build import build_model
from predictor.model_cache import ModelCache
from predictor.promoted_bundle import PromotedBundle
from predictor.promotions import Promotions, Wanted
from predictor.serving import LoadedModel, Serving
from predictor.trial_process import Trial, TrialUnfinished

log = structlog.get_logger(__name__)


class NoModel(Exception):
    """There is no model to answer with; the text says what it lacks."""


class ModelLoader:
    """Loads what `Promotions` wants. A failed load changes nothing but counts, log and announcements."""

    def __init__(
        self,
        *,
        promotions: Promotions,
        source: BundleSource,
        trial: Trial,
        serving: Serving,
        reports: LoadReports,
        cache: ModelCache | None = None,
        cold_start: ColdStart | None = None,
        new_backoff: Callable[[], Backoff] = Backoff,
        clock: Clock | None = None,
    ) -> None:
        """Take the parts; `new_backoff` makes the pauses between the attempts at one promotion."""
        self._promotions = promotions
        self._source = source
        self._trial = trial
        self._serving = serving
        self._reports = reports
        self._cache = cache
        self._cold_start = cold_start
        self._new_backoff = new_backoff
        self._clock = clock or SystemClock()
        # one thread, because it goes on when the promotion is replaced: the newer one is kept behind it
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="keep models")
        self.busy = False
        """Whether a promotion is being loaded, or waits for the next attempt."""
        self._failure: Failure | None = None
        self.restored = asyncio.Event()
        """Set once the cache was looked through: what is held decides which promotion may follow it."""

    async def run(self, stop: asyncio.Event) -> None:
        """Load each promotion that comes to be wanted, until `stop`; a load under way then is given up."""
        await _until(stop, self._run(stop))

    async def check_loaded(self) -> None:
        """Return once there is a model to answer with, as readiness asks; raises NoModel."""
        if self._serving.current is not None:
            return
        if not self._promotions.caught_up:
            raise NoModel("Kafka's topic of promotions was not read to its end yet; the log says why.")
        if self._failure is not None:
            raise NoModel(f"The promoted model is not loaded: {self._failure.detail}")
        raise NoModel("No model is loaded yet; promote one.")

    async def _run(self, stop: asyncio.Event) -> None:
        settled = await self._restore()
        while (wanted := await self._promotions.next_after(settled, stop)) is not None:
            settled = wanted
            self.busy = True
            with tracing.span(
                "model.reload",
                parent=wanted.traceparent,
                attributes={"readmit.model_id": wanted.promotion.model_id, "readmit.epoch": wanted.promotion.epoch},
            ):
                await _until(self._promotions.changed, self._bring_in(wanted, stop))
            self.busy = False

    async def _restore(self) -> Wanted | None:
        try:
            kept = None if self._cold_start is None else await self._cold_start.restore()
            return None if kept is None else self._promotions.hold(kept)
        finally:
            self.restored.set()

    async def _bring_in(self, wanted: Wanted, stop: asyncio.Event) -> None:
        """Try until the model answers or is refused for good; a newer promotion ends it wherever it is."""
        backoff = self._new_backoff()
        announced: set[str] = set()
        while not stop.is_set():
            failure = self._failure = await self._attempt(wanted)
            if failure is None:
                return
            self._reports.failed(wanted.promotion, failure, announce=failure.reason not in announced)
            announced.add(failure.reason)
            if not failure.again:
                return
            await pause(backoff.next_s(), stop)

    async def _attempt(self, wanted: Wanted) -> Failure | None:
        try:
            model, fetched = await self._load(wanted.promotion)
        except BundleInvalid as error:
            # a bundle that is not there yet may still be restored; one that is wrong needs another promotion
            return Failure(error.reason, error.detail, again=error.reason is Reason.BUNDLE_MISSING)
        except TrialUnfinished as error:
            return Failure(Reason.TRIAL_UNFINISHED, str(error), again=True)
        except Transient as error:
            return Failure(Reason.OBJECT_STORE, str(error), again=True)
        # before it answers: the process after this one, however it ends, must not answer by an epoch from before
        await self._keep(wanted.promotion, fetched)
        self._serving.swap(model)
        self._reports.loaded(wanted.promotion, self._clock.monotonic() - wanted.read_at)
        return None

    async def _load(self, promotion: ModelPromoted) -> tuple[LoadedModel, PromotedBundle | None]:
        current = self._serving.current
        if current is not None and current.identity.model_id == promotion.model_id:
            # the id is the content: there is nothing to fetch
            return current.promoted(promotion, now=self._clock.now()), None
        if promotion.feature_version not in SUPPORTED_VERSIONS:
            readable = ", ".join(str(version) for version in SUPPORTED_VERSIONS)
            raise BundleInvalid(
                Reason.FEATURE_VERSION,
                f"The model needs feature version {promotion.feature_version}, this release reads {readable}; "
                "run a release that reads it.",
            )
        bundle = await self._source.fetch(promotion)
        await self._trial.check(bundle)
        return await asyncio.to_thread(_build, bundle, self._clock), bundle

    async def _keep(self, promotion: ModelPromoted, fetched: PromotedBundle | None) -> None:
        if self._cache is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._keeper, self._cache.keep, promotion, fetched)
        except OSError as error:
            # it serves all the same; the next process starts with the one before, or with none
            log.warning("model_not_kept", model_id=promotion.model_id, reason=describe(error))


def _build(bundle: PromotedBundle, clock: Clock) -> LoadedModel:
    return build_model(bundle.read(), bundle.promotion, now=clock.now())


async def _until(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, but give it up when the event is set first."""
    doing = asyncio.create_task(work, name="load models")
    ended = asyncio.create_task(event.wait(), name="end of loading")
    try:
        await asyncio.wait({doing, ended}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
    finally:
        doing.cancel()
        ended.cancel()
        await asyncio.gather(doing, ended, return_exceptions=True)
