"""Describe in OpenAPI what is no pydantic model: rows, problems and the body that starts a run."""

from typing import Any

import msgspec
from fastapi import FastAPI
from readmit_contracts.columns import COLUMNS, Column
from readmit_contracts.predictions import Problem
from readmit_contracts.source import SPLITS

from batch_producer.api.bodies import CancelBody, StartBody


def _column(column: Column) -> dict[str, Any]:
    example: int | str = column.example
    if column.kind == "integer":
        example = int(column.example)
        return {"type": ["integer", "string"], "description": column.description, "examples": [example]}
    return {"type": "string", "description": column.description, "examples": [example]}


ROWS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["split", "batch", "first_row", "size", "next", "rows"],
    "properties": {
        "split": {"type": "string", "enum": list(SPLITS)},
        "batch": {"type": "integer", "description": "The batch, from 0."},
        "first_row": {"type": "integer", "description": "The number of the first row within the split."},
        "size": {"type": "integer", "description": "Rows of the whole batch."},
        "next": {"type": ["string", "null"], "description": "Path of the next batch; null behind the last."},
        "rows": {
            "type": "array",
            "description": "In file order: valid integers as numbers, all else as the text in the file.",
            "items": {"type": "object", "properties": {column.name: _column(column) for column in COLUMNS}},
        },
    },
}


def add_components(app: FastAPI) -> None:
    """Add to the application's OpenAPI document what its routes refer to beside their models."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        _, components = msgspec.json.schema_components(
            (Problem, StartBody, CancelBody), ref_template="#/components/schemas/{name}"
        )
        components["StartBody"]["properties"]["batches"]["propertyNames"] = {"enum": list(SPLITS)}
        document["components"]["schemas"].update(components)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the library's documented way to extend the document
