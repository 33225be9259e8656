import dataclasses
import json
from hashlib import sha256

import httpx
import pytest
from readmit_contracts.bundle import MODEL_FILE
from readmit_contracts.events import PredictionsMade
from readmit_contracts.predictions import REQUEST_COLUMNS, example_encounter
from structlog.testing import capture_logs
from support.cohort import cohort
from support.model_bundles import LINEAGE, model_bundle, offline_probabilities, promotion, request_of
from support.predictor_rig import PredictorRig, loaded

ROWS = 300


@pytest.fixture
def rig() -> PredictorRig:
    """A predictor that answers with a model."""
    rig = PredictorRig()
    rig.serving.swap(loaded(model_bundle(1), promotion(model_bundle(1).model_id, 7, version="3")))
    return rig


async def _predict(client: httpx.AsyncClient, encounter: dict[str, int | str]) -> httpx.Response:
    return await client.post("/v1/predict", json=encounter)


async def test_every_probability_equals_the_offline_score_bit_for_bit(rig: PredictorRig) -> None:
    """An answer that names its model can be given again by anyone who has the bundle, or the name says nothing."""
    rows = cohort(ROWS, seed=99)
    async with rig.client() as client:
        answers = [(await _predict(client, request_of(row))).json()["probability"] for row in rows]
    assert answers == offline_probabilities(model_bundle(1), rows)
    assert len(set(answers)) > ROWS // 10


async def test_the_answer_names_the_decision_and_the_model_that_gave_it(rig: PredictorRig) -> None:
    """A number alone is no use to a clinic, and nobody can check it."""
    async with rig.client() as client:
        response = await _predict(client, example_encounter())
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"prediction_id", "probability", "decision", "threshold", "model"}
    assert answer["model"] == {
        "name": "readmission",
        "model_id": model_bundle(1).model_id,
        "version": "3",
        "epoch": 7,
        "lineage": str(LINEAGE),
    }
    assert answer["decision"] == ("high_risk" if answer["probability"] >= answer["threshold"] else "low_risk")


async def test_both_decisions_occur_and_the_threshold_itself_is_high_risk(rig: PredictorRig) -> None:
    """The threshold is the smallest probability that is acted on."""
    async with rig.client() as client:
        answers = [(await _predict(client, request_of(row))).json() for row in cohort(100, seed=5)]
    assert {answer["decision"] for answer in answers} == {"high_risk", "low_risk"}
    for answer in answers:
        assert answer["decision"] == ("high_risk" if answer["probability"] >= answer["threshold"] else "low_risk")


async def test_a_field_that_is_left_out_means_its_marker(rig: PredictorRig) -> None:
    """Unknown may be said in two ways, and both must give the same risk."""
    unknown = {column.name: column.missing[0] for column in REQUEST_COLUMNS if column.missing}
    said = {**example_encounter(), **unknown}
    left_out = {name: value for name, value in said.items() if name not in unknown}
    async with rig.client() as client:
        answers = [(await _predict(client, encounter)).json()["probability"] for encounter in (said, left_out)]
    assert answers[0] == answers[1]


async def test_the_order_of_fields_and_white_space_are_free(rig: PredictorRig) -> None:
    """JSON objects have no order."""
    encounter = dict(reversed(example_encounter().items()))
    async with rig.client() as client:
        spread = await client.post(
            "/v1/predict",
            content=json.dumps(encounter, indent=4).encode(),
            headers={"content-type": 'application/json; charset="UTF-8"'},
        )
        plain = await _predict(client, example_encounter())
    assert spread.json()["probability"] == plain.json()["probability"]


async def test_a_request_under_way_keeps_the_model_that_it_began_with(rig: PredictorRig) -> None:
    """A swap between two answers changes the model as a whole: name and number belong together."""
    second = model_bundle(2)
    rows = cohort(50, seed=8)
    expected = {bundle.model_id: offline_probabilities(bundle, rows) for bundle in (model_bundle(1), second)}
    async with rig.client() as client:
        for number, row in enumerate(rows):
            if number == 25:
                rig.serving.swap(loaded(second, promotion(second.model_id, 8)))
            answer = (await _predict(client, request_of(row))).json()
            assert answer["probability"] == expected[answer["model"]["model_id"]][number]
            assert answer["model"]["epoch"] == (7 if number < 25 else 8)


async def test_every_answer_is_recorded_with_its_model_and_the_digest_of_its_input(rig: PredictorRig) -> None:
    """The record must suffice to find the model and to recognise the input, without holding the patient's values."""
    body = json.dumps(example_encounter()).encode()
    async with rig.running(), rig.client() as client:
        answer = (await client.post("/v1/predict", content=body, headers={"content-type": "application/json"})).json()
    (made,) = rig.sent(PredictionsMade)
    (record,) = made.records
    assert str(record.prediction_id) == answer["prediction_id"]
    assert (record.probability, record.decision, record.threshold) == (
        answer["probability"],
        answer["decision"],
        answer["threshold"],
    )
    assert (record.model, record.model_id, record.epoch) == ("readmission", model_bundle(1).model_id, 7)
    assert record.input_sha256 == sha256(body).hexdigest()
    assert record.input_json is None


async def test_a_replica_that_keeps_inputs_records_what_was_scored() -> None:
    """An auditor can score it again; a field that was left out stands there with the marker that it meant."""
    rig = PredictorRig(keep_inputs=True)
    rig.serving.swap(loaded(model_bundle(1)))
    sent = {name: value for name, value in reversed(example_encounter().items()) if name != "weight"}
    async with rig.running(), rig.client() as client:
        await client.post(
            "/v1/predict", content=json.dumps(sent, indent=2), headers={"content-type": "application/json"}
        )
    ((record,),) = (made.records for made in rig.sent(PredictionsMade))
    assert record.input_json is not None
    kept = json.loads(record.input_json)
    assert kept == {**sent, "weight": "?"}
    assert list(kept) == list(example_encounter())  # equal encounters are equal texts


async def test_each_answer_has_an_id_of_its_own(rig: PredictorRig) -> None:
    """Two patients with equal values are two predictions."""
    async with rig.client() as client:
        ids = {(await _predict(client, example_encounter())).json()["prediction_id"] for _ in range(20)}
    assert len(ids) == 20


async def test_the_model_route_describes_what_answers(rig: PredictorRig) -> None:
    """Who operates replicas compares them by this."""
    async with rig.client() as client:
        response = await client.get("/v1/model")
    assert response.status_code == 200
    assert response.json() == {
        "name": "readmission",
        "version": "3",
        "epoch": 7,
        "lineage": str(LINEAGE),
        "model_id": model_bundle(1).model_id,
        "feature_version": 1,
        "threshold": 0.25,
        "since": "2026-01-01T00:00:00Z",
        "confirmed": True,
    }


async def test_a_model_that_gives_no_probability_is_an_error_of_ours_not_an_answer(rig: PredictorRig) -> None:
    """Not a number would leave the answer as null and pass for low risk."""

    class Broken:
        def score(self) -> float:
            return float("nan")

    assert rig.serving.current is not None
    rig.serving.swap(dataclasses.replace(rig.serving.current, scorer=Broken()))
    with capture_logs() as logs:
        async with rig.client() as client:
            response = await _predict(client, example_encounter())
    assert response.status_code == 500
    assert response.json()["code"] == "INTERNAL"
    assert [(entry["event"], entry["request_id"]) for entry in logs] == [
        ("request_failed", response.headers["x-request-id"])
    ]
    assert response.headers["content-type"] == "application/problem+json"


def test_the_bundle_of_these_tests_is_a_real_model() -> None:
    """Equality with a model that always says the same would prove nothing."""
    assert model_bundle(1).files[MODEL_FILE].count(b"Tree=") > 5
