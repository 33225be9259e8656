"""What judges the answers to fuzzed requests finds what is wrong: an answer that it let pass would prove nothing."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.bad_requests import BATCH, CANARY, CASES, GOOD, JSON
from support.cohort import cohort
from support.fuzz_bodies import OK, READ, Body
from support.fuzz_judge import Judge, Wrong, read_strictly
from support.fuzz_requests import Expected, RequestMaker
from support.good_requests import BOUNDS, LEFT_OUT
from support.model_bundles import model_bundle, request_of
from support.predictor_rig import KEY, PredictorRig, loaded
from support.raw_http import RawAnswer

POOL = [request_of(row) for row in cohort(3, seed=7)]
FIRST = json.dumps(POOL[0]).encode()
GOOD_BODY = Body("good", FIRST, frozenset({OK}), (0,))
MANGLED = replace(GOOD_BODY, outcomes=READ, rows=(), mangled=True)


@pytest.fixture(scope="module")
def rig() -> PredictorRig:
    """A predictor that answers with a model."""
    rig = PredictorRig()
    rig.serving.swap(loaded(model_bundle(1)))
    return rig


@pytest.fixture
def judge(rig: PredictorRig) -> Judge:
    """One that knows this model."""
    assert rig.serving.current is not None
    return Judge(model_bundle(1), rig.serving.current.identity, POOL)


async def _answer(rig: PredictorRig, content: bytes, path: str = "/v1/predict") -> RawAnswer:
    async with rig.client() as client:
        response = await client.post(path, content=content, headers=JSON | {"x-request-id": "one"})
    return RawAnswer(response.status_code, dict(response.headers), str(response.headers).encode(), response.content)


def _problem(changes: dict[str, object]) -> Callable[[RawAnswer], RawAnswer]:
    return lambda answer: replace(
        answer, body=json.dumps({**json.loads(answer.body), **changes}, separators=(",", ":")).encode()
    )


def _headers(**changes: str) -> Callable[[RawAnswer], RawAnswer]:
    return lambda answer: replace(
        answer, headers={**answer.headers, **{name.replace("_", "-"): value for name, value in changes.items()}}
    )


WRONG: dict[str, tuple[bytes, frozenset[str], Callable[[RawAnswer], RawAnswer]]] = {
    "a fault of ours": (
        b"{}",
        READ,
        lambda answer: _problem({"status": 500, "code": "INTERNAL"})(replace(answer, status=500)),
    ),
    "an overload": (
        b"{}",
        READ,
        lambda answer: _problem({"status": 503, "code": "OVERLOADED"})(replace(answer, status=503)),
    ),
    "another refusal": (b"{}", frozenset({"MALFORMED"}), lambda answer: answer),
    "a refusal of what is good": (b"{}", frozenset({OK}), lambda answer: answer),
    "an answer to what is bad": (FIRST, READ - {OK}, lambda answer: answer),
    "a code that does not exist": (b"{}", READ, _problem({"code": "MADE_UP"})),
    "a status that is not its code's": (
        b"{}",
        READ,
        lambda answer: _problem({"status": 400})(replace(answer, status=400)),
    ),
    "a field that is not documented": (b"{}", READ, _problem({"trace": "x"})),
    "a text": (b"{}", READ, lambda answer: replace(answer, body=b"Internal Server Error")),
    "another type": (b"{}", READ, _headers(content_type="application/json")),
    "a value that was sent": (b"{}", READ, _problem({"detail": f"no {CANARY}"})),
    "another id": (FIRST, READ, _headers(x_request_id="two")),
    "a challenge out of place": (b"{}", READ, _headers(www_authenticate="Bearer")),
    "another probability": (json.dumps(POOL[1]).encode(), READ, lambda answer: answer),
    "another model": (
        FIRST,
        READ,
        lambda answer: replace(answer, body=answer.body.replace(b'"epoch":1', b'"epoch":2')),
    ),
    "one answer for a batch": (FIRST, READ, lambda answer: replace(answer, body=b"[" + answer.body + b"]")),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_answer_is_found(rig: PredictorRig, judge: Judge, name: str) -> None:
    """Each is one that a broken predictor could give."""
    sent, outcomes, spoil = WRONG[name]
    with pytest.raises(Wrong):
        judge.judge(spoil(await _answer(rig, sent)), Expected(outcomes, "one", GOOD_BODY), 0)


async def test_a_right_answer_is_passed(rig: PredictorRig, judge: Judge) -> None:
    """Else the test above would prove nothing."""
    both = replace(GOOD_BODY, content=b"[" + FIRST + b"," + FIRST + b"]", rows=(0, 0), batch=True)
    assert judge.judge(await _answer(rig, FIRST), Expected(frozenset({OK}), "one", GOOD_BODY), 0) == OK
    assert judge.judge(await _answer(rig, both.content, BATCH), Expected(frozenset({OK}), "one", both), 0) == OK
    assert judge.judge(await _answer(rig, b"{}"), Expected(READ, "one"), 0) == "INVALID_ENCOUNTER"


@pytest.mark.parametrize("gender", [b"Female", b"Male"])
async def test_a_mangled_body_is_judged_by_another_reader(rig: PredictorRig, judge: Judge, gender: bytes) -> None:
    """What chance made of it may be another good encounter, and has to get that one's probability."""
    body = replace(MANGLED, content=GOOD.replace(b"Female", gender))
    assert judge.judge(await _answer(rig, body.content), Expected(READ, "one", body), 0) == OK
    with pytest.raises(Wrong):
        judge.judge(await _answer(rig, b"{}"), Expected(READ, "one", body), 0)
    with pytest.raises(Wrong):
        judge.judge(await _answer(rig, GOOD), Expected(READ, "one", replace(body, content=b"{}")), 0)


def test_the_other_reader_accepts_good_bodies_and_no_bad_ones() -> None:
    """It shares no code with the readers that it judges."""
    assert all(read_strictly(case.body, batch=False) == list(case.encounters) for case in (*BOUNDS, *LEFT_OUT))
    assert [case.name for case in CASES if case.status in (400, 422) and read_strictly(case.body, batch=False)] == []


def test_a_request_is_made_from_its_number_and_the_seed_alone() -> None:
    """Whatever fails can be sent once more."""
    first, again = (RequestMaker(POOL, seed=5, key=KEY, key_without_scope=KEY) for _ in range(2))
    other = RequestMaker(POOL, seed=6, key=KEY, key_without_scope=KEY)
    forwards = [first.make(number) for number in range(300)]
    assert [again.make(number) for number in reversed(range(300))] == forwards[::-1]
    assert sum(other.make(number).parts != forwards[number].parts for number in range(300)) > 290
