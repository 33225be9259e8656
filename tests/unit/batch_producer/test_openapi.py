"""The API's own description is whole: people and generators work from it."""

from typing import Any

import httpx
import pytest


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    """Give the OpenAPI document."""
    found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Give every operation under its method and path."""
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def references(part: Any) -> list[str]:
    """Give every reference in a part of the document."""
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in references(value)]
    return [found for value in part for found in references(value)] if isinstance(part, list) else []


async def test_every_route_is_described(document: dict[str, Any]) -> None:
    """A route that is missing here does not exist for most people."""
    assert sorted(name for name, _ in operations(document)) == [
        "get /v1/commands/{command_id}",
        "get /v1/dataset",
        "get /v1/dataset/columns",
        "get /v1/runs",
        "get /v1/runs/{run_id}",
        "get /v1/splits",
        "get /v1/splits/{split}/batches",
        "get /v1/splits/{split}/batches/{batch}",
        "post /v1/runs",
        "post /v1/runs/{run_id}/cancel",
    ]
    assert all(operation["summary"] for _, operation in operations(document))


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Parts of the document are generated from the contracts; a name that moved would break it unseen."""
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert set(references(document)) <= schemas


async def test_every_error_answer_is_a_problem(document: dict[str, Any]) -> None:
    """The framework's own description of errors does not hold here."""
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_the_body_that_starts_a_run_is_the_commands_own(document: dict[str, Any]) -> None:
    """Its bounds and words come from the contract, so they cannot drift apart."""
    body = document["components"]["schemas"]["StartBody"]

    assert set(body["properties"]) == {"batches", "then", "dataset_sha256"}
    assert body["additionalProperties"] is False
    assert body["properties"]["batches"]["propertyNames"] == {"enum": ["train", "validation", "test"]}


async def test_the_examples_are_accepted(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    """An example that is refused is worse than none."""
    content = document["paths"]["/v1/runs"]["post"]["requestBody"]["content"]["application/json"]

    assert (await client.post("/v1/runs", json=content["example"])).status_code == 202


async def test_every_field_of_an_answer_with_a_name_of_its_own_is_described(document: dict[str, Any]) -> None:
    """A name says what it is only to whoever chose it."""
    speaking = {"run_id", "dataset_id", "split", "state", "planned_at", "command_id", "recorded_at", "command_type"}
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            if field not in speaking | {"batches", "batch", "outcome", "runs", "type"}:
                assert described.get("description"), (name, field)
