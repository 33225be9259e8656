"""Put the web application together: routes and documents inside, the policy around them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from predictor import openapi
from predictor.access_keys import AccessKeys
from predictor.metrics import PredictorMetrics
from predictor.policy import Operation, Paths, Policy
from predictor.problems import ProblemKind, Refused
from predictor.routes import BATCH, MODEL, PREDICT

DOCS = "/docs"
OPENAPI = "/openapi.json"

_DESCRIPTION = "The risk that a diabetic patient is readmitted within 30 days, by the model that is promoted."


class PredictorApp(FastAPI):
    """A FastAPI application that stands behind a policy, and whose schemas come from the contracts."""

    def build_middleware_stack(self) -> ASGIApp:
        """Leave the framework's own error pages and limits out: the policy has them."""
        return ExceptionMiddleware(AsyncExitStackMiddleware(self.router), handlers=self.exception_handlers)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made at the first call."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["paths"] = {PREDICT: openapi.PREDICT, BATCH: openapi.BATCH, **document["paths"]}
            document["paths"][MODEL]["get"]["security"] = openapi.SECURITY
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(openapi.schemas())
            components["securitySchemes"] = openapi.SECURITY_SCHEMES
        return super().openapi()


def create_app(
    *,
    api: APIRouter,
    operations: Mapping[str, Operation],
    health: Sequence[Route],
    keys: AccessKeys,
    max_requests: int,
    metrics: PredictorMetrics,
    version: str,
) -> Policy:
    """Return the application, under the policy with every path that it answers."""
    app = PredictorApp(
        title="readmit predictor",
        description=_DESCRIPTION,
        version=version,
        openapi_url=OPENAPI,
        docs_url=DOCS,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _refuse},
    )
    app.include_router(api)
    app.router.routes.extend(health)
    looked_after = frozenset(route.path for route in health)
    return Policy(
        app,
        paths=Paths(
            operations=operations, others=frozenset({MODEL, DOCS, OPENAPI, *looked_after}), unlimited=looked_after
        ),
        keys=keys,
        max_requests=max_requests,
        metrics=metrics,
    )


async def _refuse(_request: Request, error: Exception) -> Response:
    """Turn the framework's own refusals, of paths and methods, into ours."""
    status = error.status_code if isinstance(error, HTTPException) else ProblemKind.INTERNAL.status
    kind = next((kind for kind in ProblemKind if kind.status == status), ProblemKind.NOT_FOUND)
    headers = getattr(error, "headers", None) or {}
    raise Refused(kind, headers=headers)
