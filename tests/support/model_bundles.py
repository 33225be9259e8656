"""Make small real models as bundles, and the promotions that name them."""

from functools import cache
from typing import Any
from uuid import UUID, uuid4

import lightgbm
import msgspec
import numpy as np
from numpy.typing import NDArray
from predictor.promoted_bundle import PromotedBundle
from readmit_contracts.bundle import (
    CALIBRATION_FILE,
    FEATURES_FILE,
    GOLDEN_FILE,
    MODEL_FILE,
    model_id_of,
    write_manifest,
)
from readmit_contracts.calibration import Calibration, Threshold
from readmit_contracts.columns import column
from readmit_contracts.events import ModelPromoted, ReplacedModel
from readmit_contracts.predictions import REQUEST_COLUMNS
from readmit_contracts.topics import MODELS_PROMOTED
from readmit_features import (
    FEATURE_NAMES,
    FEATURE_VERSION,
    encode_table,
    fit_vocabularies,
    read_features,
    write_features,
)
from readmit_features.clean import SOURCE_COLUMNS, clean_value
from readmit_features.definition import SOURCES
from readmit_runtime.messages import OutgoingRecord, outgoing
from support.cohort import cohort
from trainer.bundle import BundleFiles
from trainer.golden import make_golden
from trainer.model import Model

ROWS = 400
TREES = 12
LINEAGE = UUID("77f3b0aa-1c2d-4e3f-8a9b-0c1d2e3f4a04")
OTHER_LINEAGE = UUID("88f3b0aa-1c2d-4e3f-8a9b-0c1d2e3f4a05")

Columns = dict[str, NDArray[Any]]


def request_of(raw: dict[str, str]) -> dict[str, int | str]:
    """Give the request that a raw encounter, by SQL name, makes."""
    return {
        column.name: int(raw[column.sql_name]) if column.kind == "integer" else raw[column.sql_name]
        for column in REQUEST_COLUMNS
    }


def clean_columns(rows: list[dict[str, str]]) -> Columns:
    """Give the columns of the clean table that features need."""
    return {
        name: np.array([clean_value(SOURCE_COLUMNS[name], row[name]) for row in rows], dtype=object) for name in SOURCES
    }


@cache
def model_bundle(seed: int = 1) -> BundleFiles:
    """Give a small model's bundle; another seed gives another model."""
    rows = cohort(ROWS, seed=seed)
    columns = clean_columns(rows)
    vocabularies = fit_vocabularies(columns)
    labels = np.array([row[column("readmitted").sql_name] == "<30" for row in rows], dtype=np.float64)
    booster = lightgbm.train(
        {"objective": "binary", "num_threads": 1, "verbosity": -1, "seed": seed, "min_data_in_leaf": 5},
        lightgbm.Dataset(encode_table(columns, vocabularies), labels, feature_name=list(FEATURE_NAMES)),
        num_boost_round=TREES,
    )
    model, features = booster.model_to_string().encode(), write_features(vocabularies)
    calibration = Calibration(
        method="platt", slope=0.9, intercept=-0.1, threshold=Threshold(value=0.25, rule="chosen for tests")
    )
    served = Model(model, features, threads=1)
    golden = make_golden(columns, lambda record: served.answer(record, calibration))
    return bundle_of(
        {
            MODEL_FILE: model,
            FEATURES_FILE: features,
            CALIBRATION_FILE: msgspec.json.encode(calibration),
            GOLDEN_FILE: msgspec.json.encode(golden),
        }
    )


def bundle_of(files: dict[str, bytes]) -> BundleFiles:
    """Give the bundle whose manifest names these files as they are, whatever is in them."""
    manifest = write_manifest(files)
    return BundleFiles(model_id=model_id_of(manifest), manifest=manifest, files=files)


def fetched(bundle: BundleFiles, event: ModelPromoted | None = None) -> PromotedBundle:
    """Give a bundle as the predictor fetches it."""
    return PromotedBundle(promotion=event or promotion(bundle.model_id), manifest=bundle.manifest, files=bundle.files)


def offline_probabilities(bundle: BundleFiles, rows: list[dict[str, str]]) -> list[float]:
    """Score raw encounters as a table, apart from everything that serves: `Booster.predict`, then the calibration."""
    booster = _booster(bundle.files[MODEL_FILE])
    inputs = encode_table(clean_columns(rows), read_features(bundle.files[FEATURES_FILE]))
    calibration = msgspec.json.decode(bundle.files[CALIBRATION_FILE], type=Calibration)
    scores: list[float] = np.asarray(booster.predict(inputs)).tolist()
    return [calibration.probability(score) for score in scores]


@cache
def _booster(model: bytes) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=model.decode())


def promotion(
    model_id: str,
    epoch: int = 1,
    *,
    name: str = "readmission",
    lineage: UUID = LINEAGE,
    replaces: ReplacedModel | None = None,
    feature_version: int = FEATURE_VERSION,
    version: str | None = "1",
) -> ModelPromoted:
    """Give the event that makes a model the champion."""
    return ModelPromoted(
        model=name,
        epoch=epoch,
        lineage=lineage,
        model_id=model_id,
        version=version,
        feature_version=feature_version,
        replaces=replaces,
        reason="better on the same rows",
        actor="test",
    )


def promotion_record(event: ModelPromoted) -> OutgoingRecord:
    """Give the record in which the trainer publishes a promotion."""
    return outgoing(MODELS_PROMOTED, event, source="/readmit/trainer", id=uuid4())
