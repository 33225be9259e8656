"""What the prediction API answers: take the request apart, call, answer."""

from collections.abc import Mapping

import msgspec
from fastapi import APIRouter, Response

from predictor import openapi
from predictor.batches import BatchPredictions
from predictor.model_info import model_info
from predictor.policy import Operation
from predictor.predictions import Caller, Predictions
from predictor.request import BodyLimits, Request
from predictor.serving import Serving

PREDICT = "/v1/predict"
BATCH = "/v1/predict/batch"
MODEL = "/v1/model"


def operations(
    *, predictions: Predictions, batches: BatchPredictions, limits: BodyLimits, batch_limits: BodyLimits
) -> Mapping[str, Operation]:
    """Make what is answered without the framework, by path."""

    async def predict(request: Request) -> bytes:
        caller = _caller(request)
        return predictions.answer(await request.body(limits), caller)

    async def predict_batch(request: Request) -> bytes:
        caller = _caller(request)
        return await batches.answer(await request.body(batch_limits), caller)

    return {PREDICT: predict, BATCH: predict_batch}


def model_routes(serving: Serving) -> APIRouter:
    """Make the ordinary routes under `/v1`."""
    router = APIRouter()

    @router.get(MODEL, tags=["models"], responses=openapi.MODEL_ANSWERS)
    async def model() -> Response:
        """Name the model that answers now."""
        body = msgspec.json.encode(model_info(serving))
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})

    return router


def _caller(request: Request) -> Caller:
    return Caller(request.key_id, request.idempotency_key())
