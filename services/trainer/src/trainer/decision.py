"""Hold what the gate decided; deciding is `gate.py`'s, which needs far more libraries."""

from typing import Annotated

import msgspec
from msgspec import Meta
from readmit_contracts.fields import Code, Metric, MetricName, ModelId


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate decided, with the evidence. A refusal is a normal outcome."""

    rule: Annotated[str, Meta(description="The rule that decided.")]
    passed: bool
    refusals: Annotated[tuple[Code, ...], Meta(description="The rules that the challenger did not meet.")]
    challenger: ModelId
    champion: Annotated[ModelId | None, Meta(description="None when there was no champion.")]
    rows: int
    patients: int
    metrics: Annotated[
        dict[MetricName, Metric],
        Meta(description="challenger_*, champion_* by evaluation figure; auroc_gain with its one-sided 95 % bounds."),
    ]
