"""Ask a predictor for the risk of one encounter."""

from typing import NoReturn

import httpx
import msgspec
from readmit_contracts.predictions import Prediction, Problem

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

PREDICT = "/v1/predict"
_PROBLEM_TYPE = "application/problem+json"
_NO_MODEL = "NO_MODEL"
_KEY_FAULTS = (401, 403)
_TIMEOUT_S = 10.0


async def predict(
    base_url: str, body: bytes, *, key: str, transport: httpx.AsyncBaseTransport | None = None
) -> Prediction:
    """Return the answer to `body`, an encounter as JSON; raises CommandFailed.

    `key` is shown to the predictor; `transport` stands in for the network.
    """
    url = base_url.rstrip("/") + PREDICT
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, transport=transport) as client:
            answer = await client.post(url, content=body, headers=headers)
    except httpx.HTTPError as error:
        raise CommandFailed(
            f"No predictor answers at {base_url} ({type(error).__name__}). `readmit status` shows what is down.",
            code=ExitCode.UNAVAILABLE,
        ) from error
    if not answer.is_success:
        _refuse(answer)
    try:
        return msgspec.json.decode(answer.content, type=Prediction)
    except msgspec.DecodeError as error:
        raise CommandFailed(f"{url} answers, but not with a prediction: {error}.") from error


def _refuse(answer: httpx.Response) -> NoReturn:
    problem = _problem(answer)
    if problem is None:
        raise CommandFailed(f"{answer.url} answers {answer.status_code}, and does not say why.")
    if problem.code == _NO_MODEL:
        raise CommandFailed(
            "The predictor has no model yet. `readmit models list` shows what was trained, `readmit train` trains and "
            "promotes; without data, `readmit demo` does all of it.",
            code=ExitCode.UNAVAILABLE,
        )
    if problem.status in _KEY_FAULTS:
        raise CommandFailed(
            f"{problem.title} ({problem.status} {problem.code}). `readmit keys list` shows the keys there are, "
            "`readmit keys create` makes one for READMIT_CLI_PREDICTOR_KEY; `make up` brings the local stack's own in "
            "order."
        )
    raise CommandFailed(_explained(problem))


def _problem(answer: httpx.Response) -> Problem | None:
    if not answer.headers.get("content-type", "").startswith(_PROBLEM_TYPE):
        return None
    try:
        return msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        return None


def _explained(problem: Problem) -> str:
    said = [f"{problem.title} ({problem.status} {problem.code})."]
    said += [f"  {fault.path}: {fault.reason}" for fault in problem.errors]
    if problem.detail:
        said.append(problem.detail)
    if problem.request_id:
        said.append(f"The predictor's log knows the request as {problem.request_id}.")
    return "\n".join(said)
