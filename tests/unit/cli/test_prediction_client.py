"""Asking a predictor, which may have something else to say than a prediction."""

from uuid import UUID

import httpx
import msgspec
import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.prediction import rendering
from readmit_cli.prediction.client import predict
from readmit_contracts.predictions import FieldProblem, Prediction, Problem, ServedModel
from support.status_rows import MODEL_ID

ANSWER = Prediction(
    prediction_id=UUID(int=1),
    probability=0.125,
    decision="high_risk",
    threshold=0.12,
    model=ServedModel(name="readmission", model_id=MODEL_ID, version="7", epoch=4, lineage=UUID(int=2)),
)


def answering(status: int, body: object, *, problem: bool = True) -> httpx.MockTransport:
    """Give a network with one predictor that always answers this."""
    kind = "application/problem+json" if problem else "application/json"

    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.url.path, request.headers["content-type"]) == ("/v1/predict", "application/json")
        assert request.headers["authorization"] == "Bearer rk_1"
        assert request.content == b"{}"
        return httpx.Response(status, content=msgspec.json.encode(body), headers={"content-type": kind})

    return httpx.MockTransport(answer)


async def ask(transport: httpx.AsyncBaseTransport) -> Prediction:
    """Ask the predictor."""
    return await predict("http://predictor/", b"{}", key="rk_1", transport=transport)


async def test_a_prediction_is_shown_with_the_model_that_made_it():
    """Risk, decision, threshold, version, epoch, and the id of the record."""
    answer = await ask(answering(200, ANSWER, problem=False))
    shown = "\n".join(line.plain for line in rendering.prediction_lines(answer))
    for said in ("12.5%", "high risk", "12.0%", "version 7, epoch 4", MODEL_ID[:12], str(UUID(int=1))):
        assert said in shown
    assert rendering.summary(answer).plain.startswith("12.5% risk, high risk (from 12.0% on it is high)")


async def test_before_the_first_model_it_is_said_what_to_do():
    """The same command may succeed later."""
    no_model = Problem(title="No model is loaded yet", status=503, code="NO_MODEL")
    with pytest.raises(CommandFailed, match="readmit train") as caught:
        await ask(answering(503, no_model))
    assert caught.value.code is ExitCode.UNAVAILABLE


async def test_an_encounter_that_is_refused_is_explained_field_by_field():
    """The predictor names the path and the reason, never the value."""
    faults = (FieldProblem(path="$.age", reason="NOT_ALLOWED"), FieldProblem(path="$", reason="UNKNOWN_FIELD"))
    problem = Problem(
        title="The encounter is not valid",
        status=422,
        code="INVALID_ENCOUNTER",
        detail="Correct it.",
        request_id="r-1",
        errors=faults,
    )
    with pytest.raises(CommandFailed) as caught:
        await ask(answering(422, problem))
    assert caught.value.code is ExitCode.FAILED
    assert str(caught.value).splitlines() == [
        "The encounter is not valid (422 INVALID_ENCOUNTER).",
        "  $.age: NOT_ALLOWED",
        "  $: UNKNOWN_FIELD",
        "Correct it.",
        "The predictor's log knows the request as r-1.",
    ]


@pytest.mark.parametrize(("status", "code"), [(401, "NO_KEY"), (401, "KEY_REFUSED"), (403, "SCOPE_MISSING")])
async def test_a_key_that_is_refused_is_explained_with_the_way_to_another(status, code):
    """A revoked or foreign key is a person's to replace."""
    problem = Problem(title="The access key is not accepted", status=status, code=code)
    with pytest.raises(CommandFailed, match="readmit keys create") as caught:
        await ask(answering(status, problem))
    assert code in str(caught.value)


@pytest.mark.parametrize(
    ("transport", "said"),
    [
        (answering(502, {"a": 1}, problem=False), "answers 502"),
        (answering(502, {"a": 1}), "answers 502"),
        (answering(200, {"a": 1}, problem=False), "not with a prediction"),
    ],
)
async def test_an_answer_that_is_no_predictors_is_said(transport, said):
    """Something else may listen on the port."""
    with pytest.raises(CommandFailed, match=said):
        await ask(transport)


async def test_a_predictor_that_is_away_is_said():
    """Without a traceback."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(CommandFailed, match="No predictor answers at http://predictor/") as caught:
        await ask(httpx.MockTransport(refuse))
    assert caught.value.code is ExitCode.UNAVAILABLE
