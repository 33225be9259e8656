import json
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


async def test_the_documentation_page_is_served() -> None:
    """People read the document there."""
    async with PredictorRig().client() as client:
        response = await client.get("/docs")
    assert response.status_code == 200
    assert "/openapi.json" in response.text
