"""Say what became of loads: in the log, in the metrics and to Kafka."""

from dataclasses import dataclass

import structlog
from readmit_contracts.events import ModelLoaded, ModelLoadFailed, ModelPromoted

from predictor.announcements import Announcements
from predictor.metrics import PredictorMetrics
from predictor.trial import DETAIL_MAX

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt ended without a model; `again` when the same bundle may load later."""

    reason: str
    detail: str
    again: bool


class LoadReports:
    """Tells of one replica's loads."""

    def __init__(self, replica: str, announcements: Announcements, metrics: PredictorMetrics) -> None:
        self._replica = replica
        self._announcements = announcements
        self._metrics = metrics

    def loaded(self, promotion: ModelPromoted, duration_s: float) -> None:
        """Tell that a promoted model answers, so many seconds after its promotion was read."""
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

    def failed(self, promotion: ModelPromoted, failure: Failure, *, announce: bool) -> None:
        """Tell that an attempt ended without a model."""
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
