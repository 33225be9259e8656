"""Put the web application together: routes and documents inside, the policy around them."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from predictor import openapi
from predictor.metrics import PredictorMetrics
from predictor.policy import Policy
from predictor.problems import ProblemKind, Refused
from predictor.routes import MODEL, PREDICT

DOCS = "/docs"
OPENAPI = "/openapi.json"

_DESCRIPTION = "The risk that a diabetic patient is readmitted within 30 days, by the model that is promoted."


class PredictorApp(FastAPI):
    """A FastAPI application whose schemas come from the contracts."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made at the first call."""
        if self.openapi_schema is None:
            document = super().openapi()
            document.setdefault("components", {}).setdefault("schemas", {}).update(openapi.schemas())
        return super().openapi()


def create_app(*, api: APIRouter, health: Sequence[Route], metrics: PredictorMetrics, version: str) -> PredictorApp:
    """Return the application; every path that it answers is under the policy."""
    paths = frozenset({PREDICT, MODEL, DOCS, OPENAPI, *(route.path for route in health)})
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
        middleware=[Middleware(Policy, paths=paths, metrics=metrics)],
    )
    app.include_router(api)
    app.router.routes.extend(health)
    return app


async def _refuse(_request: Request, error: Exception) -> Response:
    """Turn the framework's own refusals, of paths and methods, into ours."""
    status = error.status_code if isinstance(error, HTTPException) else ProblemKind.INTERNAL.status
    kind = next((kind for kind in ProblemKind if kind.status == status), ProblemKind.NOT_FOUND)
    headers = getattr(error, "headers", None) or {}
    raise Refused(kind, headers=headers)
