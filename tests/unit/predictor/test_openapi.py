import json
import re
from typing import Any

import pytest
from predictor.encounter_body import read_encounter
from predictor.problems import ProblemKind
from readmit_contracts.predictions import REQUEST_COLUMNS
from support.predictor_rig import PredictorRig


@pytest.fixture
async def document() -> dict[str, Any]:
    """The document as a caller gets it."""
    async with PredictorRig().client() as client:
        response = await client.get("/openapi.json")
        found: dict[str, Any] = response.json()
        return found


def _schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    schema: dict[str, Any] = document["components"]["schemas"][name]
    return schema


def test_the_request_is_described_field_by_field(document: dict[str, Any]) -> None:
    """A caller must be able to build a request from this document alone."""
    schema = _schema(document, "Encounter")
    assert list(schema["properties"]) == [column.name for column in REQUEST_COLUMNS]
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {column.name for column in REQUEST_COLUMNS if not column.missing}
    for column in REQUEST_COLUMNS:
        described = json.dumps(schema["properties"][column.name])
        assert json.dumps(column.description)[1:-1] in described
        if column.maximum is not None:
            assert schema["properties"][column.name]["maximum"] == column.maximum
        if column.allowed is not None:
            assert set(column.allowed) == set(schema["properties"][column.name]["enum"])


def test_the_example_is_a_request_that_works(document: dict[str, Any]) -> None:
    """It is what everyone tries first."""
    content = document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]
    example = content["examples"]["typical"]["value"]
    assert read_encounter(json.dumps(example).encode())
    assert content["schema"] == {"$ref": "#/components/schemas/Encounter"}


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/batch"])
def test_every_error_answer_is_named(document: dict[str, Any], path: str) -> None:
    """A caller handles what it was told of."""
    answers = document["paths"][path]["post"]["responses"]
    not_for_this_route = {ProblemKind.NOT_FOUND, ProblemKind.METHOD_NOT_ALLOWED, ProblemKind.INTERNAL}
    expected = {str(kind.status) for kind in ProblemKind if kind not in not_for_this_route}
    assert set(answers) == {"200", *expected}
    for status in expected:
        assert answers[status]["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
    assert "recorded" in answers["503"]["description"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Generators of clients stop at a dangling reference."""
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names
    assert names <= set(document["components"]["schemas"])


def test_the_parts_of_the_document_have_names_as_openapi_wants_them(document: dict[str, Any]) -> None:
    """A generator of clients makes names of its own language out of them."""
    names = [name for parts in document["components"].values() for name in parts]
    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9._-]+", name)] == []
    schemes = {name for path in document["paths"].values() for name in _security(path)}
    assert schemes == set(document["components"]["securitySchemes"])


def _security(path: dict[str, Any]) -> list[str]:
    return [name for operation in path.values() for scheme in operation["security"] for name in scheme]


def test_every_answer_names_its_headers(document: dict[str, Any]) -> None:
    """A caller has to know when to ask again, by what, and by which name to complain."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                more = {"401": {"WWW-Authenticate"}, "403": {"WWW-Authenticate"}, "503": {"Retry-After"}}
                assert set(answer["headers"]) == {"X-Request-Id"} | more.get(status, set())
                assert all(header["required"] for header in answer["headers"].values())


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/batch"])
def test_what_a_schema_cannot_say_is_said(document: dict[str, Any], path: str) -> None:
    """To JSON Schema 4.0 is an integer; here a number has one way to be written."""
    assert "4, not 4.0" in document["paths"][path]["post"]["description"]


async def test_the_documentation_page_is_served() -> None:
    """People read the document there."""
    async with PredictorRig().client() as client:
        response = await client.get("/docs")
    assert response.status_code == 200
    assert "/openapi.json" in response.text
