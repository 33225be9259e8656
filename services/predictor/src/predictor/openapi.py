"""Describe the API by the contracts themselves: the schemas are made from the types that read and write it."""

from typing import Any

import msgspec
from readmit_contracts.predictions import MAX_ENCOUNTERS, Encounter, Prediction, Problem, example_encounter

from predictor.model_info import ModelInfo

SCHEMA_REFERENCE = "#/components/schemas/{name}"

Answers = dict[int | str, dict[str, Any]]
Schema = dict[str, Any]

SECURITY: list[dict[str, list[str]]] = [{"access_key": []}]
SECURITY_SCHEMES: Schema = {
    "access_key": {"type": "http", "scheme": "bearer", "description": "A key that `readmit keys create` made."}
}


def schemas() -> Schema:
    """Return the schema of every request and answer, by name."""
    _, components = msgspec.json.schema_components(
        (Encounter, Prediction, Problem, ModelInfo), ref_template=SCHEMA_REFERENCE
    )
    return components


def _reference(kind: type[msgspec.Struct]) -> Schema:
    return {"$ref": SCHEMA_REFERENCE.format(name=kind.__name__)}


def _array(kind: type[msgspec.Struct]) -> Schema:
    return {"type": "array", "minItems": 1, "maxItems": MAX_ENCOUNTERS, "items": _reference(kind)}


def _content(schema: Schema, media_type: str = "application/json", *, example: object = None) -> Schema:
    examples = {} if example is None else {"examples": {"typical": {"value": example}}}
    return {media_type: {"schema": schema, **examples}}


def _header(description: str, **schema: object) -> Schema:
    return {"description": description, "required": True, "schema": {"type": "string", **schema}}


_REQUEST_ID: Schema = {
    "X-Request-Id": _header(
        "The request's own name where it is plain, else a new one.", pattern="^[A-Za-z0-9._-]{1,64}$"
    )
}
_CHALLENGE: Schema = {"WWW-Authenticate": _header("What is wrong with the key.", pattern="^Bearer")}
_LATER: Schema = {"Retry-After": _header("Seconds.", pattern="^[0-9]+$")}


def _answer(description: str, content: Schema, **headers: Schema) -> Schema:
    return {"description": description, "headers": {**_REQUEST_ID, **headers}, "content": content}


def _problem(description: str, **headers: Schema) -> Schema:
    return _answer(description, _content(_reference(Problem), "application/problem+json"), **headers)


_REFUSED_KEY: Answers = {
    401: _problem("There is no access key, or it is unknown, expired or revoked.", **_CHALLENGE),
    403: _problem("The access key lacks the scope predict.", **_CHALLENGE),
}
_UNAVAILABLE: Answers = {
    503: _problem("No model or no keys are known yet, or too much is under way; ask later.", **_LATER)
}
_NOT_ANSWERED: Answers = {
    503: _problem(
        "No model or no keys are known yet, too much is under way, or the prediction cannot be recorded; ask later.",
        **_LATER,
    )
}
_REFUSED_BODY: Answers = {
    400: _problem("The body is not JSON, or can be read in two ways; or the Idempotency-Key is not accepted."),
    408: _problem("The body did not arrive in time."),
    413: _problem("The body is too large."),
    415: _problem("The body is not announced as plain JSON in UTF-8."),
    422: _problem("An encounter is not valid; every field at fault is named, no value is."),
}
_IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The caller's name for this request: repeated under it, the same body is the same prediction.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
}


_NUMBERS = "Numbers are written as integers: 4, not 4.0."  # which are the same to JSON Schema


def _operation(name: str, texts: tuple[str, str], body: Schema, answer: Schema) -> Schema:
    summary, description = texts
    answers = {**_REFUSED_BODY, **_REFUSED_KEY, **_NOT_ANSWERED}
    return {
        "post": {
            "tags": ["predictions"],
            "summary": summary,
            "description": description,
            "operationId": name,
            "security": SECURITY,
            "parameters": [_IDEMPOTENCY_KEY],
            "requestBody": {"required": True, "content": body},
            "responses": {
                "200": _answer("The risk, and the model that gave it.", answer),
                **{str(status): answers[status] for status in sorted(answers, key=str)},
            },
        }
    }


PREDICT: Schema = _operation(
    "predict",
    (
        "Give the risk that a patient is readmitted within 30 days.",
        f"Takes one hospital stay as the hospital writes it. {_NUMBERS} The answer names the model that gave it.",
    ),
    _content(_reference(Encounter), example=example_encounter()),
    _content(_reference(Prediction)),
)
BATCH: Schema = _operation(
    "predict_batch",
    (
        "Give the risk of many stays.",
        f"Takes an array, and answers an array in the same order, all by one model. One fault refuses all. {_NUMBERS}",
    ),
    _content(_array(Encounter), example=[example_encounter()]),
    _content(_array(Prediction)),
)
MODEL_ANSWERS: Answers = {
    200: _answer("The model that answers now.", _content(_reference(ModelInfo))),
    **_REFUSED_KEY,
    **_UNAVAILABLE,
}
