"""Answer many encounters of one body, in a thread, so that single requests are answered meanwhile."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import msgspec
from readmit_contracts.events import PredictionRecord
from readmit_contracts.golden import Record
from readmit_contracts.predictions import MAX_ENCOUNTERS, FieldProblem

from predictor.encounter_body import ROOT, Fault, read_encounter
from predictor.prediction_log import PredictionLog
from predictor.predictions import Answers, Caller
from predictor.problems import ProblemKind, Refused
from predictor.serving import LoadedModel, Serving
from predictor.strict_json import Ambiguous, Malformed, parse

MOST_FAULTS = 100
"""Most fields that one answer names."""

_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


class BatchPredictions:
    """From a body to the answers in its order, all by one model, and their records."""

    def __init__(
        self, *, serving: Serving, prediction_log: PredictionLog, most_bytes: int, answers: Answers | None = None
    ) -> None:
        """Take the parts; one batch is worked on, others wait while their bodies take `most_bytes` together."""
        self._serving = serving
        self._log = prediction_log
        self._answers = answers or Answers()
        self._most_bytes = most_bytes
        self._bytes = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")  # a second one would only take turns with it

    async def answer(self, body: bytes, caller: Caller) -> bytes:
        """Return the answers, an array of `Prediction` as JSON, once the records of all are in the log.

        Raises Refused: 400, 422, and 503 as for a single one, or while too much of other batches is under way.
        """
        if self._bytes and self._bytes + len(body) > self._most_bytes:
            raise Refused(ProblemKind.OVERLOADED)
        self._bytes += len(body)
        try:
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._work, body, caller)
            answers, records = await work
        finally:
            self._bytes -= len(body)
        if not self._log.add(*records):
            raise Refused(ProblemKind.LOG_FULL)
        return answers

    def _work(self, body: bytes, caller: Caller) -> tuple[bytes, Sequence[PredictionRecord]]:
        items = read_items(body)
        encounters = read_encounters(items)
        model = self._serving.current
        if model is None:
            raise Refused(ProblemKind.NO_MODEL)
        return self._answer(items, encounters, model, caller, sha256(body).hexdigest())

    def _answer(
        self, items: Sequence[bytes], encounters: Sequence[Record], model: LoadedModel, caller: Caller, digest: str
    ) -> tuple[bytes, Sequence[PredictionRecord]]:
        answers = [
            self._answers.answer(probability, model, caller=caller, body_sha256=digest, item=number)
            for number, probability in enumerate(model.probabilities(encounters))
        ]
        records = [
            self._answers.record(answer, encounter, input_sha256=sha256(item).hexdigest())
            for answer, encounter, item in zip(answers, encounters, items, strict=True)
        ]
        return msgspec.json.encode(answers), records


def read_items(body: bytes) -> list[bytes]:
    """Return the bytes of each item of an array, as they were received; raises Refused 400, or 422 without a path."""
    try:
        items = [bytes(item) for item in _ITEMS.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_array(body) from None
    if not 1 <= len(items) <= MAX_ENCOUNTERS:
        reason = Fault.TOO_FEW if not items else Fault.TOO_MANY
        raise Refused(ProblemKind.INVALID_ENCOUNTER, errors=(FieldProblem(path=ROOT, reason=reason),))
    return items


def read_encounters(items: Sequence[bytes]) -> list[Record]:
    """Return the encounter of each item; raises Refused with the items' numbers in the paths.

    One that is no JSON, or can be read in two ways, makes the whole body so.
    """
    encounters: list[Record] = []
    faults: list[FieldProblem] = []
    for number, item in enumerate(items):
        try:
            encounters.append(read_encounter(item))
        except Refused as refusal:
            path = f"{ROOT}[{number}]"
            if refusal.kind is not ProblemKind.INVALID_ENCOUNTER:
                raise Refused(refusal.kind, errors=(FieldProblem(path=path, reason=refusal.kind.name),)) from None
            faults += [FieldProblem(path=path + at.path.removeprefix(ROOT), reason=at.reason) for at in refusal.errors]
            if len(faults) >= MOST_FAULTS:
                break
    if faults:
        raise Refused(ProblemKind.INVALID_ENCOUNTER, errors=tuple(faults[:MOST_FAULTS]))
    return encounters


def _no_array(body: bytes) -> Refused:
    try:
        parse(body)
    except Malformed:
        return Refused(ProblemKind.MALFORMED)
    except Ambiguous:
        return Refused(ProblemKind.AMBIGUOUS)
    return Refused(ProblemKind.INVALID_ENCOUNTER, errors=(FieldProblem(path=ROOT, reason=Fault.WRONG_TYPE),))
