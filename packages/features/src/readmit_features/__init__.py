"""From an encounter to the model's input, by one definition for training and serving."""

from readmit_features.clean import ValueInvalid, clean_value
from readmit_features.definition import FEATURE_NAMES, FEATURE_VERSION, FEATURES, SUPPORTED_VERSIONS, Feature
from readmit_features.record import ColumnAbsent, RecordEncoder
from readmit_features.table import encode_table
from readmit_features.vocabularies import (
    FeaturesInvalid,
    Vocabularies,
    fit_vocabularies,
    read_features,
    write_features,
)

__all__ = [
    "FEATURES",
    "FEATURE_NAMES",
    "FEATURE_VERSION",
    "SUPPORTED_VERSIONS",
    "ColumnAbsent",
    "Feature",
    "FeaturesInvalid",
    "RecordEncoder",
    "ValueInvalid",
    "Vocabularies",
    "clean_value",
    "encode_table",
    "fit_vocabularies",
    "read_features",
    "write_features",
]
