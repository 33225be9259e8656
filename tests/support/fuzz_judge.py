"""Judge the answers to fuzzed requests: by what is documented, by another reader of JSON, by scores made offline."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from predictor.problems import ProblemKind
from readmit_contracts.predictions import MAX_ENCOUNTERS, REQUEST_COLUMNS, Prediction, Problem, ServedModel
from support.bad_requests import CANARY
from support.exchanges import PARSER_ANSWER, row_of
from support.fuzz_bodies import OK, Body
from support.fuzz_oddities import DIGITS
from support.fuzz_requests import OUTCOMES, PARSER, Expected, Pool
from support.model_bundles import offline_probabilities
from support.raw_http import RawAnswer
from trainer.bundle import BundleFiles

JSON = "application/json"
PROBLEM = "application/problem+json"
NEW_ID = r"[0-9a-f]{32}"
SENT_ONLY = (CANARY.encode(), DIGITS)

Values = Mapping[str, Any]


class Wrong(Exception):
    """An answer that must not be; the message says why."""


class Judge:
    """Knows the one model that answers, and what it gives for a pool of encounters."""

    def __init__(self, bundle: BundleFiles, served: ServedModel, pool: Pool) -> None:
        self._bundle = bundle
        self._served = served
        self._probabilities = self._offline(pool)

    def judge(self, answer: RawAnswer, expected: Expected | None, number: int) -> str:
        """Return OK, PARSER or the code of an answer; raises Wrong.

        Without an expectation it may be any documented one.
        """
        try:
            outcome = _outcome(answer, bodyless=expected is not None and expected.bodyless)
            if expected is not None:
                self._compare(answer, outcome, expected)
        except (Wrong, msgspec.DecodeError, KeyError) as error:
            raise Wrong(f"{error}\nanswered: {answer.head!r} {answer.body[:2_000]!r}") from error
        return outcome

    def _compare(self, answer: RawAnswer, outcome: str, expected: Expected) -> None:
        if outcome not in expected.outcomes:
            raise Wrong(f"{outcome} instead of {' or '.join(sorted(expected.outcomes))}")
        right_id = re.escape(expected.request_id) or NEW_ID
        if outcome != PARSER and not re.fullmatch(right_id, answer.request_id):
            raise Wrong(f"the id {answer.request_id} instead of {expected.request_id or 'a new one'}")
        body = expected.body
        if body is None or (outcome != OK and not body.mangled):
            return
        right = self._offline_of(body) if body.mangled else [self._probabilities[row] for row in body.rows]
        if outcome == OK:
            self._compare_predictions(answer, body, right)
        elif right is not None:
            raise Wrong(f"{outcome}, though another reader finds nothing wrong in it")

    def _compare_predictions(self, answer: RawAnswer, body: Body, right: Sequence[float] | None) -> None:
        if right is None:
            raise Wrong("OK, though another reader finds it wrong")
        predictions = _predictions(answer.body)
        if body.batch != isinstance(predictions, list):
            raise Wrong("a batch is answered by an array, a single encounter is not")
        given = predictions if isinstance(predictions, list) else [predictions]
        if [prediction.probability for prediction in given] != list(right):
            raise Wrong(f"other probabilities than offline: {right}")
        if {prediction.model for prediction in given} != {self._served}:
            raise Wrong("another model")

    def _offline_of(self, body: Body) -> list[float] | None:
        values = read_strictly(body.content, batch=body.batch)
        return None if values is None else self._offline(values)

    def _offline(self, encounters: Sequence[Values]) -> list[float]:
        return offline_probabilities(self._bundle, [row_of(values) for values in encounters])


def _outcome(answer: RawAnswer, *, bodyless: bool) -> str:
    """Return what an answer is, if it has one of the documented forms."""
    for text in SENT_ONLY:
        if text in answer.head or text in answer.body:
            raise Wrong("a value that was sent comes back")
    if answer.status == 400 and answer.body == PARSER_ANSWER and answer.closes:
        return PARSER
    if answer.status == 200:
        if b'"prediction_id"' in answer.body[:20]:
            _predictions(answer.body)
        return OK
    kinds = {kind.name: kind for kind in ProblemKind if kind.status == answer.status}
    code = next(iter(kinds)) if bodyless else _problem(answer).code
    if code not in OUTCOMES or code not in kinds:
        raise Wrong(f"{answer.status} {code} is no documented answer to a request")
    present = {name for name in ("allow", "www-authenticate", "retry-after") if name in answer.headers}
    wanted = {405: {"allow"}, 401: {"www-authenticate"}, 403: {"www-authenticate"}}.get(answer.status, set())
    if present != wanted or (answer.headers["content-type"], answer.headers["cache-control"]) != (PROBLEM, "no-store"):
        raise Wrong("other headers than documented")
    return code


def _problem(answer: RawAnswer) -> Problem:
    problem = msgspec.json.decode(answer.body, type=Problem)
    if msgspec.json.encode(problem) != answer.body:
        raise Wrong("a body of another shape")
    if (problem.status, problem.request_id) != (answer.status, answer.request_id):
        raise Wrong("head and body differ")
    return problem


def _predictions(body: bytes) -> Prediction | list[Prediction]:
    kind: Any = list[Prediction] if body.startswith(b"[") else Prediction
    found: Prediction | list[Prediction] = msgspec.json.decode(body, type=kind)
    if msgspec.json.encode(found) != body:
        raise Wrong("a body of another shape")
    return found


def read_strictly(body: bytes, *, batch: bool) -> list[Values] | None:
    """Return the encounters of a body by Python's own parser, None unless they can be read in one way and are valid."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    items = value if batch else [value]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_ENCOUNTERS:
        return None
    return [_complete(item) for item in items] if all(map(_fits, items)) else None


def _fits(item: object) -> bool:
    if not isinstance(item, dict) or not item.keys() <= {column.name for column in REQUEST_COLUMNS}:
        return False
    for column in REQUEST_COLUMNS:
        value = item.get(column.name, column.missing[0] if column.missing else None)
        if column.kind == "integer":
            fits = type(value) is int and (column.minimum or 0) <= value <= (column.maximum or 0)
        elif column.allowed is not None:
            fits = type(value) is str and value in column.allowed
        else:
            fits = type(value) is str and re.fullmatch(column.pattern or "", value, re.ASCII) is not None
        if not fits:
            return False
    return True


def _complete(item: Values) -> Values:
    return {column.name: column.missing[0] for column in REQUEST_COLUMNS if column.missing} | dict(item)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _refuse(name: str) -> object:
    raise ValueError(name)
