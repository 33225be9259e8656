"""Bring promoted models into service, one after the other, while the one before keeps answering."""

import asyncio
from dataclasses import dataclass

import structlog
from pydantic import Field
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.events import ModelLoaded, ModelLoadFailed, ModelPromoted
from readmit_contracts.reasons import Reason
from readmit_features import SUPPORTED_VERSIONS
from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.errors import Transient
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe
from readmit_runtime.settings import SettingsGroup

from predictor.announcements import Announcements
from predictor.bundle_source import BundleSource
from predictor.metrics import PredictorMetrics
from predictor.model_build import build_model
from predictor.promotions import Promotions, Wanted
from predictor.serving import LoadedModel, Serving

OBJECT_STORE = "OBJECT_STORE"
"""The reason of an attempt that ended because the object store was away or refused to answer."""

log = structlog.get_logger(__name__)
