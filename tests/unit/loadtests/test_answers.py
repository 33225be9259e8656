"""A body is judged, not its status alone; and a dead replica is left to the others."""

from typing import Any

import msgspec
import pytest
from readmit_load import answers
from readmit_load.answers import Epochs
from readmit_load.balancing import REST_S, Replicas

PREDICTION: dict[str, Any] = {
    "prediction_id": "88f3b0aa-1c2d-4e3f-8a9b-0c1d2e3f4a05",
    "probability": 0.25,
    "decision": "low_risk",
    "threshold": 0.5,
    "model": {
        "name": "readmission",
        "model_id": "ab" * 32,
        "version": "1",
        "epoch": 7,
        "lineage": "77f3b0aa-1c2d-4e3f-8a9b-0c1d2e3f4a04",
    },
}


def said(**changes: Any) -> bytes:
    """Give a prediction with changes."""
    return msgspec.json.encode(PREDICTION | changes)


def test_a_prediction_is_taken() -> None:
    """Alone and among others."""
    assert answers.of_predict(said(), "a", Epochs()) is None
    assert answers.of_batch(b"[%s,%s]" % (said(), said()), "a", Epochs(), asked=2) is None
    assert answers.of_mlflow(b'{"predictions": [0.2]}') is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", said()[:-1], said(probability="0.2"), said(probability=1.5), said(decision="high_risk")],
)
def test_anything_else_is_a_fault_whatever_its_status(content: bytes) -> None:
    """A proxy's page may come with 200."""
    assert answers.of_predict(content, "a", Epochs())


def test_a_batch_that_lacks_an_answer_is_a_fault() -> None:
    """Each encounter was asked about."""
    assert answers.of_batch(b"[%s]" % said(), "a", Epochs(), asked=2) == "1 answers to 2 encounters"
    assert answers.of_mlflow(b'{"predictions": []}')


def test_another_answer_has_what_was_asked_for_in_its_place() -> None:
    """The word may stand in an error's text as well."""
    assert answers.of_json(b'{"epoch": 1}', needs="epoch") is None
    assert answers.of_json(b'[{"split": "train"}, {"split": "test"}]', needs="split") is None
    for other in (b'{"other": 1}', b'{"detail": "no epoch"}', b'"epoch"', b"[]", b'[{"epoch": 1}, {}]', b"epoch"):
        assert answers.of_json(other, needs="epoch")


def test_a_replica_that_goes_back_to_an_earlier_epoch_is_a_fault() -> None:
    """Another replica may be behind it."""
    epochs = Epochs()
    earlier = said(model=PREDICTION["model"] | {"epoch": 6})
    assert answers.of_predict(said(), "a", epochs) is None
    assert answers.of_predict(earlier, "b", epochs) is None
    assert "went back from epoch 7 to 6" in (answers.of_predict(earlier, "a", epochs) or "")


def test_a_replica_that_has_only_begun_is_told_from_one_that_is_overloaded() -> None:
    """A load balancer would not have asked the first; the second is what is measured."""
    problem = {"title": "x", "status": 503}
    assert answers.not_ready(msgspec.json.encode(problem | {"code": "NO_MODEL"}))
    assert answers.not_ready(b'{"status": "failing", "checks": {"model": "No model is loaded yet; promote one."}}')
    assert not answers.not_ready(msgspec.json.encode(problem | {"code": "OVERLOADED"}))
    assert not answers.not_ready(None)


def test_a_request_goes_to_another_replica_once_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead one is left alone for a second, then it is tried again."""
    now = [100.0]
    monkeypatch.setattr("readmit_load.balancing.time.monotonic", lambda: now[0])
    replicas = Replicas(["a", "b", "c"])
    assert [replicas.home(number) for number in range(4)] == ["a", "b", "c", "a"]
    assert replicas.instead_of("a") == "b"
    assert replicas.home(0) == "b"
    assert replicas.instead_of("b") == "c"
    assert replicas.instead_of("c") is None
    assert replicas.failovers == 2
    now[0] += REST_S
    assert replicas.home(0) == "a"


def test_a_single_replica_has_nobody_to_stand_in() -> None:
    """Its failures are failures."""
    replicas = Replicas(["a"])
    assert replicas.instead_of("a") is None
    assert (replicas.home(5), replicas.failovers) == ("a", 0)
