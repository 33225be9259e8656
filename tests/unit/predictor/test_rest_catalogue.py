from collections import Counter

import pytest
from predictor.problems import ProblemKind
from readmit_contracts.predictions import REQUEST_COLUMNS
from support.bad_requests import BATCH_CASES, CASES
from support.exchanges import Exchange, check, exchanges
from support.model_bundles import model_bundle, promotion
from support.predictor_rig import KEY, PredictorRig, loaded
from support.route_cases import BEARER, FREE, KEYED, OPERATIONS

LEAST_CASES = 500
LEAST_OF_AN_OPERATION = 150
EXCHANGES = list(exchanges(model_bundle(1), promotion(model_bundle(1).model_id)))


@pytest.fixture(scope="module")
def rig() -> PredictorRig:
    """A predictor that answers with a model."""
    rig = PredictorRig()
    rig.serving.swap(loaded(model_bundle(1)))
    return rig


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
async def test_every_case_gets_its_exact_answer_and_never_its_values_back(
    rig: PredictorRig, exchange: Exchange
) -> None:
    """A caller can act on code and path; what it sent stays out of answers, and so out of everyone's logs."""
    async with rig.client(key=None) as client:
        plain = b"" if exchange.answer_body else (await client.get(exchange.path, headers=BEARER)).content
        response = await client.request(exchange.method, exchange.path, content=exchange.body, headers=exchange.headers)
    check(exchange, response.status_code, response.headers, response.content, plain=plain)
    assert KEY[20:] not in f"{response.headers}{response.text}"


def test_the_catalogue_holds_enough_cases_of_every_route() -> None:
    """The number is promised; a case is a request that differs from all others, and its whole answer."""
    requests = {
        (exchange.method, exchange.path, exchange.body, frozenset(exchange.headers.items() - _names(exchange)))
        for exchange in EXCHANGES
    }
    assert len(requests) >= LEAST_CASES
    of_route = Counter(path for _, path, _, _ in requests)
    assert all(of_route[path] >= LEAST_OF_AN_OPERATION for path in OPERATIONS)
    assert all(of_route[path] >= 8 for path in (*FREE, *KEYED))


def _names(exchange: Exchange) -> set[tuple[str, str]]:
    return {(name, exchange.request_id) for name in ("x-request-id", "idempotency-key")}


def test_the_catalogue_names_each_case_once() -> None:
    """Two cases of one name would hide each other in a report."""
    names = Counter(exchange.name for exchange in EXCHANGES)
    assert [name for name, times in names.items() if times > 1] == []


def test_every_refusal_of_a_request_itself_has_its_case() -> None:
    """A new one must not come in untried; those of a state or a moment have tests of their own."""
    of_a_state = {kind for kind in ProblemKind if kind.status >= 500} | {
        ProblemKind.TOO_SLOW,
        ProblemKind.SCOPE_MISSING,
    }
    codes = {kind.name for kind in set(ProblemKind) - of_a_state}
    assert {code for code in codes if any(f'"{code}"'.encode() in (e.answer_body or b"") for e in EXCHANGES)} == codes


def test_every_column_of_the_request_has_its_cases() -> None:
    """A new column must not come in unchecked."""
    names = {column.name for column in REQUEST_COLUMNS}
    assert {path.removeprefix("$.") for case in CASES for path, _ in case.faults} >= names
    assert {path.removeprefix("$[1].") for case in BATCH_CASES for path, _ in case.faults} >= names
