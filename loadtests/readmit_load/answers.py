"""Tell whether a body is the answer that was asked for: its form, and what it says."""

from collections.abc import Callable
from typing import Any, get_args

import msgspec
from readmit_contracts.events import Decision
from readmit_contracts.predictions import Prediction

PATIENCE_S = 5.0
"""A request that is not answered by then has failed."""

Fault = str | None
"""What is wrong with an answer; None when nothing is."""

_HIGH, _LOW = "high_risk", "low_risk"
assert {_HIGH, _LOW} == set(get_args(Decision))

_prediction = msgspec.json.Decoder(Prediction).decode
_predictions = msgspec.json.Decoder(list[Prediction]).decode
_NOT_READY = frozenset({"NO_MODEL", "KEYS_UNKNOWN"})


class _Refusal(msgspec.Struct):
    """What a 503 says: a problem its code, and readiness its checks, one of which failed."""

    code: str = ""
    checks: dict[str, str] = {}


_refusal = msgspec.json.Decoder(_Refusal).decode


class Epochs:
    """Knows by which epoch each replica last answered one user, who asks one thing after the other."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def fault(self, replica: str, prediction: Prediction) -> Fault:
        """Look at one prediction."""
        expected = _HIGH if prediction.probability >= prediction.threshold else _LOW
        if prediction.decision != expected:
            return "the decision is not what probability and threshold say"
        before = self._seen.get(replica, 0)
        if prediction.model.epoch < before:
            return f"the replica went back from epoch {before} to {prediction.model.epoch}"
        self._seen[replica] = prediction.model.epoch
        return None


def of_predict(content: bytes, replica: str, epochs: Epochs) -> Fault:
    """Look at the answer to one encounter."""
    return _decoded(_prediction, content, lambda prediction: epochs.fault(replica, prediction))


def of_batch(content: bytes, replica: str, epochs: Epochs, *, asked: int) -> Fault:
    """Look at the answer to several."""

    def fault(predictions: list[Prediction]) -> Fault:
        if len(predictions) != asked:
            return f"{len(predictions)} answers to {asked} encounters"
        return next((found for each in predictions if (found := epochs.fault(replica, each))), None)

    return _decoded(_predictions, content, fault)


def of_json(content: bytes, *, needs: str) -> Fault:
    """Look at any other answer: a JSON object with a certain key, or a list of such."""

    def fault(said: Any) -> Fault:
        objects = said if isinstance(said, list) else [said]
        there = bool(objects) and all(isinstance(each, dict) and needs in each for each in objects)
        return None if there else f"there is no {needs} in it"

    return _decoded(msgspec.json.decode, content, fault)


def of_mlflow(content: bytes) -> Fault:
    """Look at the answer of MLflow's scoring server to one encounter."""

    def fault(said: Any) -> Fault:
        scores = said.get("predictions", ())
        return None if len(scores) == 1 and 0 <= scores[0] <= 1 else "it holds no score of one encounter"

    return _decoded(msgspec.json.decode, content, fault)


def not_ready(content: bytes | None) -> bool:
    """Tell a replica that has only begun, and that a load balancer would not have asked yet."""
    try:
        said = _refusal(content or b"")
    except msgspec.MsgspecError:
        return False
    return said.code in _NOT_READY or bool(said.checks)


def _decoded(decode: Callable[[bytes], Any], content: bytes, look: Callable[[Any], Fault]) -> Fault:
    try:
        return look(decode(content))
    except msgspec.MsgspecError as error:
        return f"the body is not what was asked for: {error}"
