"""Answer one prediction request."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

import msgspec
from readmit_contracts import ids
from readmit_contracts.events import PredictionRecord
from readmit_contracts.golden import Record
from readmit_contracts.predictions import Encounter, Prediction
from readmit_runtime.clock import Clock, SystemClock

from predictor.encounter_body import read_encounter
from predictor.metrics import PredictorMetrics
from predictor.prediction_log import PredictionLog
from predictor.problems import ProblemKind, Refused
from predictor.random_ids import random_uuid
from predictor.serving import LoadedModel, Serving


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by the id of its key, and what it calls its request, if anything."""

    key_id: str
    idempotency_key: str | None


class Answers:
    """Makes the answer to one encounter and its record; any thread may ask."""

    def __init__(
        self, *, clock: Clock | None = None, new_id: Callable[[], UUID] = random_uuid, keep_inputs: bool = False
    ) -> None:
        """Make records with the encounter itself in them if `keep_inputs`, else with its SHA-256 alone."""
        self._clock = clock or SystemClock()
        self._new_id = new_id
        self._keep_inputs = keep_inputs

    def answer(
        self, probability: float, model: LoadedModel, *, caller: Caller, body_sha256: str, item: int = 0
    ) -> Prediction:
        """Return the answer; one id whenever a caller repeats a request by its name and the model is the same."""
        prediction_id = (
            self._new_id()
            if caller.idempotency_key is None
            else ids.prediction_id(
                caller.key_id,
                caller.idempotency_key,
                body_sha256,
                model_id=model.identity.model_id,
                epoch=model.identity.epoch,
                item=item,
            )
        )
        return Prediction(
            prediction_id=prediction_id,
            probability=probability,
            decision=model.calibration.decision(probability),
            threshold=model.calibration.threshold.value,
            model=model.identity,
        )

    def record(self, answer: Prediction, encounter: Record, *, input_sha256: str) -> PredictionRecord:
        """Return the record of the answer to an encounter; `input_sha256` is that of its bytes as received."""
        return PredictionRecord(
            prediction_id=answer.prediction_id,
            at=self._clock.now(),
            model=answer.model.name,
            model_id=answer.model.model_id,
            epoch=answer.model.epoch,
            probability=answer.probability,
            decision=answer.decision,
            threshold=answer.threshold,
            input_sha256=input_sha256,
            input_json=_normalised(encounter) if self._keep_inputs else None,
        )


class Predictions:
    """From a body to an answer and its record. Nothing is awaited, so each answer is by one model."""

    def __init__(
        self,
        *,
        serving: Serving,
        prediction_log: PredictionLog,
        metrics: PredictorMetrics,
        answers: Answers | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._serving = serving
        self._log = prediction_log
        self._metrics = metrics
        self._answers = answers or Answers()
        self._clock = clock or SystemClock()
        self._encode = msgspec.json.Encoder().encode

    def answer(self, body: bytes, caller: Caller) -> bytes:
        """Return the answer, a `Prediction` as JSON, once its record is in the log.

        Raises Refused: 400, 422, and 503 while no model is loaded or, where so set, the log takes no record.
        """
        encounter = read_encounter(body)
        model = self._serving.current
        if model is None:
            raise Refused(ProblemKind.NO_MODEL)
        started = self._clock.monotonic()
        probability = model.probability(encounter)
        self._metrics.inferred(self._clock.monotonic() - started)
        digest = sha256(body).hexdigest()
        answer = self._answers.answer(probability, model, caller=caller, body_sha256=digest)
        if not self._log.add(self._answers.record(answer, encounter, input_sha256=digest)):
            raise Refused(ProblemKind.LOG_FULL)
        return self._encode(answer)


def _normalised(encounter: Record) -> str:
    """Return the encounter as JSON, its fields in the order of the columns, whatever the caller's order was."""
    return msgspec.json.encode(Encounter(**encounter)).decode()
