"""The prediction API's routes: take the request apart, call, answer."""

import msgspec
from fastapi import APIRouter, Request, Response

from predictor import openapi
from predictor.model_info import model_info
from predictor.policy import BodyLimits, read_body
from predictor.predictions import Predictions
from predictor.serving import Serving

PREDICT = "/v1/predict"
MODEL = "/v1/model"


def prediction_routes(*, predictions: Predictions, serving: Serving, limits: BodyLimits) -> APIRouter:
    """Make the routes under `/v1`."""
    router = APIRouter()

    @router.post(PREDICT, tags=["predictions"], responses=openapi.PREDICT_ANSWERS, openapi_extra=openapi.PREDICT_BODY)
    async def predict(request: Request) -> Response:
        """Give the risk that a patient is readmitted within 30 days.

        Takes one hospital stay as the hospital writes it. The answer names the model that gave it.
        """
        body = await read_body(request.scope, request.receive, limits)
        return _json(predictions.answer(body))

    @router.get(MODEL, tags=["models"], responses=openapi.MODEL_ANSWERS)
    async def model(_request: Request) -> Response:
        """Name the model that answers now."""
        return _json(msgspec.json.encode(model_info(serving)))

    return router


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})
