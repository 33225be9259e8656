import msgspec
import pytest
from readmit_contracts.predictions import REQUEST_COLUMNS, Problem
from support.bad_requests import CANARY, CASES, Case
from support.model_bundles import model_bundle
from support.predictor_rig import KEY, PredictorRig, loaded
from support.route_cases import ROUTE_CASES, RouteCase


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


@pytest.mark.parametrize("case", ROUTE_CASES, ids=lambda case: case.name)
async def test_every_path_and_method_gets_its_exact_answer(rig: PredictorRig, case: RouteCase) -> None:
    """Every error answer has one form, also where no route of ours was reached."""
    async with rig.client(key=None) as client:
        response = await client.request(case.method, case.path, headers=case.headers)
    assert response.status_code == case.status
    assert response.headers["x-request-id"]
    problem = case.status >= 400
    assert (response.headers["content-type"] == "application/problem+json") == problem
    assert ("allow" in response.headers) == (case.status == 405)
    assert ("www-authenticate" in response.headers) == (case.status == 401)
    if problem and case.code is not None:
        assert response.json()["code"] == case.code
        assert CANARY not in response.text
        assert KEY[20:] not in response.text


def test_the_catalogue_of_paths_names_each_case_once() -> None:
    """Two cases of one name would hide each other in a report."""
    names = [case.name for case in ROUTE_CASES]
    assert sorted(set(names)) == sorted(names)
