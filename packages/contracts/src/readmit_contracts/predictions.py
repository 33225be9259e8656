"""Shape the requests and answers of the prediction API.

An encounter is sent as the hospital writes it: the file's column names and values, numbers as JSON integers. What the
file marks as unknown may be left out, which means the same as its marker; every other field must be there.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from readmit_contracts.columns import COLUMNS, Column
from readmit_contracts.events import Decision
from readmit_contracts.fields import Epoch, Lineage, ModelId, ModelName, ModelVersion, Probability

MAX_ENCOUNTERS = 1_000
"""Most encounters of one batch, which is a JSON array of them and is answered by an array in the same order."""

REQUEST_COLUMNS: tuple[Column, ...] = tuple(column for column in COLUMNS if column.in_request)


def _field(column: Column) -> tuple[str, Any] | tuple[str, Any, str]:
    notes: dict[str, Any] = {"description": _description(column), "examples": [_example(column)]}
    kind: Any
    if column.kind == "integer":
        kind = Annotated[int, Meta(ge=column.minimum, le=column.maximum, **notes)]
    elif column.allowed is not None:
        kind = Annotated[Literal[column.allowed], Meta(**notes)]
    else:
        # "$" alone would let a line feed at the end pass
        kind = Annotated[str, Meta(pattern=rf"^(?:{column.pattern})(?!\n)$", **notes)]
    if column.missing:
        return column.sql_name, kind, column.missing[0]
    return column.sql_name, kind


def _description(column: Column) -> str:
    return f"{column.description} Unit: {column.unit}." if column.unit else column.description


def _example(column: Column) -> int | str:
    return int(column.example) if column.kind == "integer" else column.example


if TYPE_CHECKING:

    class Encounter(msgspec.Struct, frozen=True, kw_only=True):
        """One raw encounter; its attributes are the SQL names of `REQUEST_COLUMNS`."""

else:
    Encounter = msgspec.defstruct(
        "Encounter",
        [_field(column) for column in REQUEST_COLUMNS],
        namespace={"__doc__": "One hospital stay of a diabetic patient, as the hospital writes it."},
        module=__name__,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        rename={column.sql_name: column.name for column in REQUEST_COLUMNS},
    )


def example_encounter() -> dict[str, int | str]:
    """Return the request made of every column's example, by the file's names."""
    return {column.name: _example(column) for column in REQUEST_COLUMNS}


class ServedModel(msgspec.Struct, frozen=True, kw_only=True):
    """The model that answered."""

    name: ModelName
    model_id: ModelId
    version: ModelVersion | None
    epoch: Epoch
    lineage: Lineage


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one encounter."""

    prediction_id: Annotated[UUID, Meta(description="The id of the prediction's record.")]
    probability: Annotated[Probability, Meta(description="Calibrated probability of readmission within 30 days.")]
    decision: Annotated[Decision, Meta(description="high_risk when the probability reaches the threshold.")]
    threshold: Annotated[Probability, Meta(description="The threshold of the model.")]
    model: ServedModel


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """How far one feature moved the score from its base."""

    feature: Annotated[str, Meta(description="The feature's name.")]
    log_odds: Annotated[float, Meta(description="Its share of the score, in log-odds before calibration.")]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What drove the answer to one encounter; base and contributions add up to the model's score."""

    prediction: Prediction
    base_log_odds: Annotated[float, Meta(description="The score of the average encounter, in log-odds.")]
    contributions: Annotated[tuple[Contribution, ...], Meta(description="Largest share first.")]


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a request; never echoes a value."""

    path: Annotated[str, Meta(description="Where, as a JSON path such as $[3].age.")]
    reason: Annotated[str, Meta(description="What is wrong there.")]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of an error answer, application/problem+json (RFC 9457)."""

    title: Annotated[str, Meta(description="The kind of problem, in words.")]
    status: Annotated[int, Meta(ge=400, le=599, description="The HTTP status.")]
    code: Annotated[str, Meta(description="The kind of problem, for programs.")]
    type: str = "about:blank"
    detail: Annotated[str | None, Meta(description="What to do about it.")] = None
    request_id: Annotated[str | None, Meta(description="Names the request in the log.")] = None
    errors: Annotated[tuple[FieldProblem, ...], Meta(description="The fields at fault.")] = ()
