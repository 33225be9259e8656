"""Answer one prediction request."""

from collections.abc import Callable
from hashlib import sha256
from uuid import UUID, uuid4

import msgspec
from readmit_contracts.events import PredictionRecord
from readmit_contracts.predictions import Encounter, Prediction
from readmit_runtime.clock import Clock, SystemClock

from predictor.encounter_body import read_encounter
from predictor.metrics import PredictorMetrics
from predictor.prediction_log import PredictionLog
from predictor.problems import ProblemKind, Refused
from predictor.serving import Serving


class Predictions:
    """From a body to an answer and its record. Nothing is awaited, so each answer is by one model."""

    def __init__(
        self,
        *,
        serving: Serving,
        prediction_log: PredictionLog,
        metrics: PredictorMetrics,
        clock: Clock | None = None,
        new_id: Callable[[], UUID] = uuid4,
        keep_inputs: bool = False,
    ) -> None:
        self._serving = serving
        self._log = prediction_log
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._new_id = new_id
        self._keep_inputs = keep_inputs

    def answer(self, body: bytes) -> bytes:
        """Return the answer, a `Prediction` as JSON, once its record is in the log.

        Raises Refused: 400, 422, and 503 while no model is loaded or, where so set, the log takes no record.
        """
        encounter = read_encounter(body)
        model = self._serving.current
        if model is None:
            raise Refused(ProblemKind.NO_MODEL)
        started = self._clock.monotonic()
        probability = model.score(encounter)
        self._metrics.inferred(self._clock.monotonic() - started)
        answer = Prediction(
            prediction_id=self._new_id(),
            probability=probability,
            decision=model.calibration.decision(probability),
            threshold=model.calibration.threshold.value,
            model=model.identity,
        )
        if not self._log.add(self._record(answer, body, encounter)):
            raise Refused(ProblemKind.LOG_FULL)
        return msgspec.json.encode(answer)

    def _record(self, answer: Prediction, body: bytes, encounter: Encounter) -> PredictionRecord:
        return PredictionRecord(
            prediction_id=answer.prediction_id,
            at=self._clock.now(),
            model=answer.model.name,
            model_id=answer.model.model_id,
            epoch=answer.model.epoch,
            probability=answer.probability,
            decision=answer.decision,
            threshold=answer.threshold,
            input_sha256=sha256(body).hexdigest(),
            input_json=msgspec.json.encode(encounter).decode() if self._keep_inputs else None,
        )
