"""Answer every error as application/problem+json: what is wrong and what to do, never a value of the request."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from readmit_contracts.predictions import FieldProblem, Problem
from readmit_contracts.source import DatasetInvalid
from readmit_runtime.errors import Transient
from readmit_runtime.logs import describe
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "5"

log = structlog.get_logger(__name__)


class Refused(Exception):
    """A request that gets an error answer: `code` is for programs, `detail` says what to do."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, *, errors: Sequence[FieldProblem] = ()) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


def install(app: FastAPI) -> None:
    """Let the application answer errors this way, also those of routing and of parameters."""

    @app.exception_handler(Refused)
    async def refused(_request: Request, error: Refused) -> Response:
        return _answer(error.status, error.code, error.detail, errors=error.errors)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        errors = tuple(
            FieldProblem(path="$." + ".".join(str(part) for part in fault["loc"]), reason=fault["type"])
            for fault in error.errors()
        )
        return _answer(
            HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_PARAMETER", "Correct what errors names; see /docs.", errors=errors
        )

    @app.exception_handler(HTTPException)
    async def unrouted(_request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        return _answer(status, status.name, "See /docs for what can be asked.", headers=error.headers or {})

    @app.exception_handler(DatasetInvalid)
    async def without_dataset(_request: Request, error: DatasetInvalid) -> Response:
        return _unavailable(error.reason, error.detail)

    @app.exception_handler(Transient)
    async def away(_request: Request, error: Transient) -> Response:
        log.warning("request_put_off", error=describe(error))
        return _unavailable("DEPENDENCY_AWAY", "The database does not answer; ask again later.")

    @app.exception_handler(Exception)
    async def failed(_request: Request, _error: Exception) -> Response:
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "Look into the service's log.")


def answers(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of error answers, for a route's `responses`."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status): {"description": status.phrase, "content": content} for status in statuses}


def _unavailable(code: str, detail: str) -> Response:
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, code, detail, headers={"retry-after": RETRY_AFTER_S})


def _answer(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    errors: tuple[FieldProblem, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = Problem(title=status.phrase, status=status, code=code, detail=detail, errors=errors)
    return Response(
        msgspec.json.encode(problem),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"cache-control": "no-store", **(headers or {})},
    )
