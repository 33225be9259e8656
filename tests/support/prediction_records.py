"""Make records of predictions, told apart by their number."""

from datetime import UTC, datetime
from uuid import UUID

from readmit_contracts.events import PredictionRecord


def prediction_record(number: int, *, at: datetime | None = None, input_json: str | None = None) -> PredictionRecord:
    """Give a record whose id is this number."""
    return PredictionRecord(
        prediction_id=UUID(int=number),
        at=at or datetime(2026, 1, 1, tzinfo=UTC),
        model="readmission",
        model_id="a1" * 32,
        epoch=1,
        probability=0.5,
        decision="high_risk",
        threshold=0.25,
        input_sha256="c3" * 32,
        input_json=input_json,
    )
