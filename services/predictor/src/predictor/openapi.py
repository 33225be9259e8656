"""Describe the API by the contracts themselves: the schemas are made from the types that read and write it."""

from typing import Any

import msgspec
from readmit_contracts.predictions import Encounter, Prediction, Problem, example_encounter

from predictor.model_info import ModelInfo

SCHEMA_REFERENCE = "#/components/schemas/{name}"

Answers = dict[int | str, dict[str, Any]]


def schemas() -> dict[str, Any]:
    """Return the schema of every request and answer, by name."""
    _, components = msgspec.json.schema_components(
        (Encounter, Prediction, Problem, ModelInfo), ref_template=SCHEMA_REFERENCE
    )
    return components


def _content(kind: type[msgspec.Struct], media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": SCHEMA_REFERENCE.format(name=kind.__name__)}}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": _content(Problem, "application/problem+json")}


def _encounter() -> dict[str, Any]:
    content = _content(Encounter)
    content["application/json"]["examples"] = {"typical": {"value": example_encounter()}}
    return content


_NO_MODEL = _problem("No model is loaded yet; the answer says when to ask again.")

PREDICT_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _encounter()}}
PREDICT_ANSWERS: Answers = {
    200: {"description": "The risk, and the model that gave it.", "content": _content(Prediction)},
    400: _problem("The body is not JSON, or can be read in two ways."),
    408: _problem("The body did not arrive in time."),
    413: _problem("The body is too large."),
    415: _problem("The body is not announced as plain JSON in UTF-8."),
    422: _problem("The encounter is not valid; every field at fault is named, no value is."),
    503: _problem("No model is loaded yet, or the prediction cannot be recorded; the answer says when to ask again."),
}
MODEL_ANSWERS: Answers = {
    200: {"description": "The model that answers now.", "content": _content(ModelInfo)},
    503: _NO_MODEL,
}
