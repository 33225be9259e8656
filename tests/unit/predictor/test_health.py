import pytest
from predictor.promotions import Verdict
from predictor.trial_process import REFUSALS
from readmit_contracts.predictions import example_encounter
from readmit_contracts.reasons import Reason
from support.model_bundles import model_bundle, promotion
from support.predictor_rig import PredictorRig, eventually
from support.scraped import value


@pytest.fixture
def rig() -> PredictorRig:
    """A predictor without a model."""
    return PredictorRig()


@pytest.mark.parametrize("request_line", [("POST", "/v1/predict"), ("GET", "/v1/model"), ("GET", "/health/ready")])
async def test_without_a_model_the_answer_is_503_and_when_to_ask_again(
    rig: PredictorRig, request_line: tuple[str, str]
) -> None:
    """A caller can tell a replica that is not ready from one that is broken."""
    async with rig.client() as client:
        response = await client.request(*request_line, json=example_encounter())
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0


async def test_without_a_model_the_process_lives(rig: PredictorRig) -> None:
    """Restarting it would not bring a model."""
    async with rig.client() as client:
        assert (await client.get("/health/live")).status_code == 200


async def test_bad_input_is_told_so_even_without_a_model(rig: PredictorRig) -> None:
    """Asking again later would not mend the request."""
    async with rig.client() as client:
        response = await client.post("/v1/predict", json={})
    assert response.status_code == 422


async def test_once_a_model_is_loaded_no_outage_makes_it_unready(rig: PredictorRig) -> None:
    """The model is in memory; a replica that left the balancer because Kafka is away would make one outage two."""
    rig.store_bundle(model_bundle(1))
    rig.publish(promotion(model_bundle(1).model_id))
    async with rig.running(), rig.client() as client:
        await eventually(lambda: rig.serving.current is not None)
        rig.broker.away = rig.store.away = True
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.post("/v1/predict", json=example_encounter())).status_code == 200
        rig.broker.away = False


async def test_answers_and_rare_ends_are_told_before_the_first_of_them() -> None:
    """`rate` and `increase` see no burst that a series begins with, and errors come in bursts."""
    async with PredictorRig().client() as client:
        text = (await client.get("/metrics")).text
    for path in ("/v1/predict", "/v1/predict/batch", "/v1/model"):
        for status in ("2xx", "5xx"):
            assert value(text, "readmit_predictor_answer_duration_seconds_count", path=path, status=status) == 0
    for reason in REFUSALS | {Reason.OBJECT_STORE, Reason.TRIAL_UNFINISHED}:
        assert value(text, "readmit_predictor_failed_loads_total", reason=reason) == 0
    for verdict in Verdict:
        assert value(text, "readmit_predictor_read_promotions_total", verdict=verdict) == 0
    for kind in ("announcement", "report", "predictions"):
        assert value(text, "readmit_predictor_failed_deliveries_total", kind=kind) == 0
    assert value(text, "readmit_predictor_spool_limit_bytes") > 0


async def test_requests_are_counted_by_path_and_class_of_status(rig: PredictorRig) -> None:
    """Paths that callers make up must not grow the metric without end."""
    async with rig.client() as client:
        await client.post("/v1/predict", json=example_encounter())
        await client.post("/v1/predict", json={})
        for number in range(20):
            await client.get(f"/made-up/{number}")
        text = (await client.get("/metrics")).text
    assert 'readmit_predictor_answer_duration_seconds_count{path="/v1/predict",status="5xx"} 1.0' in text
    assert 'readmit_predictor_answer_duration_seconds_count{path="/v1/predict",status="4xx"} 1.0' in text
    assert 'readmit_predictor_answer_duration_seconds_count{path="other",status="4xx"} 20.0' in text
    assert "made-up" not in text
