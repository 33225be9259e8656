"""Describe the model in service, as `GET /v1/model` answers it."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from readmit_contracts.fields import Epoch, FeatureVersion, Lineage, ModelId, ModelName, ModelVersion, Probability

from predictor.problems import ProblemKind, Refused
from predictor.serving import Serving


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The model that answers now."""

    name: ModelName
    version: ModelVersion | None
    epoch: Epoch
    lineage: Lineage
    model_id: ModelId
    feature_version: FeatureVersion
    threshold: Annotated[Probability, Meta(description="From this probability on the decision is high_risk.")]
    since: Annotated[datetime, Meta(tz=True, description="Since when this replica answers with it.")]
    confirmed: Annotated[
        bool,
        Meta(description="False while the model comes from this replica's cache and no promotion read since names it."),
    ]


def model_info(serving: Serving) -> ModelInfo:
    """Return what is known of the model in service; raises Refused 503 while there is none."""
    model = serving.current
    if model is None:
        raise Refused(ProblemKind.NO_MODEL)
    return ModelInfo(
        name=model.identity.name,
        version=model.identity.version,
        epoch=model.identity.epoch,
        lineage=model.identity.lineage,
        model_id=model.identity.model_id,
        feature_version=model.feature_version,
        threshold=model.calibration.threshold.value,
        since=model.since,
        confirmed=model.confirmed,
    )
