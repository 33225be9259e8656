"""The request as a pydantic model, with the checks of the project's contract."""

from typing import Any, Literal

from pydantic import BaseModel, Field, create_model
from readmit_contracts.columns import Column
from readmit_contracts.predictions import REQUEST_COLUMNS


def _field(column: Column) -> Any:
    default = column.missing[0] if column.missing else ...
    if column.kind == "integer":
        return int, Field(default, alias=column.name, ge=column.minimum, le=column.maximum)
    if column.allowed is not None:
        return Literal[column.allowed], Field(default, alias=column.name)
    return str, Field(default, alias=column.name, pattern=rf"^(?:{column.pattern})$")


Encounter: type[BaseModel] = create_model(
    "Encounter", **{column.sql_name: _field(column) for column in REQUEST_COLUMNS}
)
