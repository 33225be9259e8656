"""Follow the promotions of one model name and decide which one this replica is to serve."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog
from readmit_contracts.events import ModelPromoted, ReplacedModel
from readmit_contracts.predictions import ServedModel
from readmit_runtime import trace_context
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.errors import Rejected
from readmit_runtime.lifecycle import pause
from readmit_runtime.message_spans import processing
from readmit_runtime.messages import IncomingRecord, incoming
from readmit_runtime.topic_reader import TopicReader, follow

from predictor.metrics import PredictorMetrics

CATCH_UP_S = 0.1  # the end of the topic comes without a message when compaction took the last ones away
LOOK_AGAIN_S = 60.0

log = structlog.get_logger(__name__)


class Verdict(StrEnum):
    """What was made of a promotion."""

    TAKEN = "taken"
    NOT_NEWER = "not_newer"
    CONFLICT = "conflict"
    """The epoch is known with another model: a fault of the writer, for an epoch is given once."""
    OTHER_LINEAGE = "other_lineage"
    OTHER_NAME = "other_name"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A promotion to be served, and when it was read, on the clock's monotonic scale."""

    promotion: ModelPromoted
    read_at: float
    confirmed: bool = True
    """Whether it was read from the topic; False when it is what the cache answers for."""
    traceparent: str | None = None


class Promotions:
    """The newest promotion taken up, in `wanted`; `changed` is set whenever that is replaced.

    Only a higher epoch of the same lineage is taken, or the last one again once the registry gave it a version, or the
    topic names what the cache held. A
    promotion of another lineage is taken when it names, as the one it replaces, the promotion last taken or the model
    that is held; until then the model held keeps answering.
    """

    def __init__(
        self,
        name: str,
        *,
        held: Callable[[], ServedModel | None],
        metrics: PredictorMetrics,
        reopen_s: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        """Take the model name to follow; `held` tells which model answers now.

        `reopen_s` is the pause in seconds before a topic that could not be read is opened again.
        """
        self._name = name
        self._held = held
        self._metrics = metrics
        self._reopen_s = reopen_s
        self._clock = clock or SystemClock()
        self._reader: TopicReader | None = None
        self._caught_up = False
        self.wanted: Wanted | None = None
        self.changed = asyncio.Event()

    async def run(self, open_reader: Callable[[], TopicReader], stop: asyncio.Event) -> None:
        """Follow the topic from its beginning until `stop`.

        Whatever goes wrong with it, lost rights included, the topic is opened again later: the process is needed for
        the model that it holds.
        """
        while not stop.is_set():
            self._reader = open_reader()
            try:
                await follow(self._reader, self._apply, stop, clock=self._clock)
            except Exception:
                log.exception("promotions_unreadable", again_in_s=self._reopen_s)
                await pause(self._reopen_s, stop)

    def hold(self, promotion: ModelPromoted) -> Wanted:
        """Take what a model of the cache answers for as the promotion last taken; call it before `run`."""
        self.wanted = Wanted(promotion, self._clock.monotonic(), confirmed=False)
        self._metrics.wants(promotion.epoch)
        return self.wanted

    async def next_after(self, settled: Wanted | None, stop: asyncio.Event) -> Wanted | None:
        """Wait for a promotion other than `settled` and return it; None when `stop` is set first.

        The topic is read to the end that it had at the start before anything is returned, so that a new process does
        not load models which were replaced long ago.
        """
        while not stop.is_set():
            self.changed.clear()
            caught_up = self._has_caught_up()
            if caught_up and self.wanted is not settled:
                return self.wanted
            await pause(LOOK_AGAIN_S if caught_up else CATCH_UP_S, self.changed, stop)
        return None

    def apply(self, record: IncomingRecord) -> Verdict:
        """Take one message of the topic in; a bad one is counted and passed over."""
        try:
            _, message = incoming(record)
        except Rejected as error:
            log.warning("promotion_unreadable", offset=record.offset, reason=error.reason, detail=error.detail)
            verdict = Verdict.UNREADABLE
        else:
            verdict = self.consider(message) if isinstance(message, ModelPromoted) else Verdict.UNREADABLE
        self._metrics.promotion_read(verdict)
        return verdict

    @property
    def caught_up(self) -> bool:
        """Whether the topic was read to the end that it had at the start."""
        return self._has_caught_up()

    async def _apply(self, record: IncomingRecord) -> None:
        with processing(record):
            self.apply(record)

    def _has_caught_up(self) -> bool:
        self._caught_up = self._caught_up or (self._reader is not None and self._reader.caught_up)
        return self._caught_up

    def consider(self, promotion: ModelPromoted) -> Verdict:
        """Decide on one promotion and, when it is taken, let it be the wanted one."""
        verdict = self._judge(promotion)
        log.info(
            "promotion_read",
            verdict=verdict,
            epoch=promotion.epoch,
            model_id=promotion.model_id,
            lineage=promotion.lineage,
        )
        if verdict is Verdict.TAKEN:
            self.wanted = Wanted(promotion, self._clock.monotonic(), traceparent=trace_context.current())
            self._metrics.wants(promotion.epoch)
            self.changed.set()
        return verdict

    def _judge(self, promotion: ModelPromoted) -> Verdict:
        if promotion.model != self._name:
            return Verdict.OTHER_NAME
        if self.wanted is None:
            return Verdict.TAKEN
        last = self.wanted.promotion
        if promotion.lineage != last.lineage:
            return Verdict.TAKEN if self._is_ours(promotion.replaces) else Verdict.OTHER_LINEAGE
        if promotion.epoch != last.epoch:
            return Verdict.TAKEN if promotion.epoch > last.epoch else Verdict.NOT_NEWER
        if promotion.model_id != last.model_id:
            return Verdict.CONFLICT
        names_version = last.version is None and promotion.version is not None
        return Verdict.TAKEN if names_version or not self.wanted.confirmed else Verdict.NOT_NEWER

    def _is_ours(self, replaced: ReplacedModel | None) -> bool:
        if replaced is None:
            return False
        held = self._held()
        last = None if self.wanted is None else self.wanted.promotion
        ours = {(model.epoch, model.model_id) for model in (held, last) if model is not None}
        return (replaced.epoch, replaced.model_id) in ours
