"""The predictor's settings: `READMIT_PREDICTOR_...`."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from readmit_contracts.fields import DEFAULT_MODEL
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import (
    HttpSettings,
    KafkaSettings,
    ObjectStoreSettings,
    SettingsGroup,
    TracedSettings,
)


class LimitSettings(SettingsGroup):
    """What one request may take."""

    body_bytes: int = Field(
        65_536,
        ge=4_096,
        le=16 * 1024 * 1024,
        description="Largest body in bytes; an encounter takes about 1,000. Above it the answer is 413.",
    )
    batch_bytes: int = Field(
        2 * 1024 * 1024,
        ge=4_096,
        le=64 * 1024 * 1024,
        description="Largest body of a batch in bytes; 1,000 encounters take about a million.",
    )
    body_read_s: float = Field(
        10.0, gt=0, le=600, description="Longest time in seconds for a body to arrive; then the answer is 408."
    )
    requests: int = Field(
        256,
        ge=1,
        le=100_000,
        description="Most requests under way; above it the answer is 503, except to health and metrics.",
    )
    batches_bytes: int = Field(
        8 * 1024 * 1024,
        ge=4_096,
        le=1024 * 1024 * 1024,
        description="Most bytes of batches under way, which are answered one after the other; above it 503.",
    )


class KeySettings(SettingsGroup):
    """Which access keys are accepted."""

    file: Path | None = Field(
        None,
        description="Where the keys' digests are kept, so that a new process can check keys while Kafka is away; unset "
        "keeps none, and such a process is not ready. One file for each process.",
    )


class LoadSettings(SettingsGroup):
    """How a promoted model is fetched."""

    fetch_limit_s: float = Field(
        60.0, gt=0, le=3600, description="Longest time in seconds for one bundle to arrive; then it is tried again."
    )
    retry_first_s: float = Field(0.5, gt=0, le=60, description="Seconds before the second attempt; doubles after it.")
    retry_most_s: float = Field(30.0, gt=0, le=3600, description="Longest pause in seconds between two attempts.")
    cache: Path | None = Field(
        None,
        description="Folder that keeps the last two models, so that a new process can answer while Kafka "
        "and the object store are away; unset keeps none. One folder for each process.",
    )


class TrialSettings(SettingsGroup):
    """What the child that tries a bundle may use; past any of these the bundle is not loaded."""

    memory_bytes: int = Field(
        2**30, ge=2**28, le=2**36, description="Address space of the child in bytes; the largest model takes a third."
    )
    cpu_s: int = Field(10, ge=1, le=600, description="CPU time of the child in seconds; past it the bundle is refused.")
    wall_s: float = Field(
        30.0, gt=0, le=600, description="Longest time in seconds for the child; past it the trial is repeated."
    )


class PredictionLogSettings(SettingsGroup):
    """How answered predictions are kept until Kafka has them."""

    spool: Path = Field(
        description="Folder on a local disk for predictions that Kafka has not confirmed; replicas may share it.",
    )
    spool_bytes: int = Field(
        256 * 1024 * 1024,
        ge=64 * 1024,
        le=2**40,
        description="Most bytes in the spool, all replicas together; a prediction takes about 400.",
    )
    when_full: Literal["drop", "refuse"] = Field(
        "drop",
        description="With the spool full or its disk failing: answer without a record, counted, or refuse with 503.",
    )
    flush_interval_s: float = Field(
        1.0, gt=0, le=60, description="Seconds after which an open segment is closed, to be shipped."
    )
    flush_limit_s: float = Field(
        5.0,
        gt=0,
        le=120,
        description="Seconds at the end in which what is left is shipped; the rest waits in the spool.",
    )
    adopt_interval_s: float = Field(
        5.0, gt=0, le=600, description="Seconds between two looks for what dead processes left in the spool."
    )


class PredictorSettings(TracedSettings):
    """What a predictor needs to know."""

    model_config = SettingsConfigDict(**{**TracedSettings.model_config, "env_prefix": "READMIT_PREDICTOR_"})

    kafka: KafkaSettings
    object_store: ObjectStoreSettings
    http: HttpSettings
    producer: ProducerSettings = ProducerSettings(delivery_limit_s=5.0)
    limits: LimitSettings = LimitSettings()
    keys: KeySettings = KeySettings()
    load: LoadSettings = LoadSettings()
    trial: TrialSettings = TrialSettings()
    prediction_log: PredictionLogSettings
    log_inputs: Literal["hash", "full"] = Field(
        "hash",
        description="What a record keeps of the encounter: its SHA-256, or all of it as well, for the auditor alone.",
    )
    model: str = Field(
        DEFAULT_MODEL, pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Name of the model to serve; others are ignored."
    )
    replica: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="Name of this process in reports and logs, unique among those alive; unset makes one up.",
    )
    report_interval_s: float = Field(
        5.0, gt=0, le=10, description="Seconds between reports; a replica silent for 15 s counts as gone."
    )
