import msgspec
import pytest
from readmit_contracts.predictions import REQUEST_COLUMNS, Problem
from support.bad_requests import CANARY, CASES, Case
from support.model_bundles import model_bundle
from support.predictor_rig import PredictorRig, loaded


@pytest.fixture(scope="module")
def rig() -> PredictorRig:
    """A predictor that answers with a model."""
    rig = PredictorRig()
    rig.serving.swap(loaded(model_bundle(1)))
    return rig


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_bad_input_gets_its_exact_answer_and_never_its_values_back(rig: PredictorRig, case: Case) -> None:
    """A caller can act on code and path; what it sent stays out of answers, and so out of everyone's logs."""
    async with rig.client() as client:
        response = await client.post("/v1/predict", content=case.body, headers=case.headers)
    assert response.status_code == case.status
    assert response.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(response.content, type=Problem)
    assert (problem.status, problem.code) == (case.status, case.code)
    assert tuple((error.path, error.reason) for error in problem.errors) == case.faults
    assert problem.request_id == response.headers["x-request-id"]
    assert CANARY not in response.text + str(response.headers)


def test_the_catalogue_names_each_case_once() -> None:
    """Two cases of one name would hide each other in a report."""
    assert len({case.name for case in CASES}) == len(CASES) > 150


def test_every_column_of_the_request_has_its_cases() -> None:
    """A new column must not come in unchecked."""
    covered = {path.removeprefix("$.") for case in CASES for path, _ in case.faults}
    assert covered >= {column.name for column in REQUEST_COLUMNS}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/predict", 405),
        ("PUT", "/v1/predict", 405),
        ("DELETE", "/v1/predict", 405),
        ("TRACE", "/v1/predict", 405),
        ("OPTIONS", "/v1/predict", 405),
        ("MADEUP", "/v1/predict", 405),
        ("POST", "/v1/model", 405),
        ("POST", "/metrics", 405),
        ("POST", "/health/live", 405),
        ("GET", "/v1/predict/", 404),
        ("POST", "/v1/Predict", 404),
        ("POST", "/v1//predict", 404),
        ("GET", "/v2/predict", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("GET", "/v1/%2e%2e/metrics", 404),
        ("GET", "/.env", 404),
        ("GET", "/redoc", 404),
        ("GET", f"/{CANARY}", 404),
        ("GET", "/" + "a" * 10_000, 404),
    ],
)
async def test_other_paths_and_methods_are_problems_too(rig: PredictorRig, method: str, path: str, status: int) -> None:
    """Every error answer has one form, also where no route of ours was reached."""
    async with rig.client() as client:
        response = await client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}[status]
    assert CANARY not in response.text
    assert ("allow" in response.headers) == (status == 405)
