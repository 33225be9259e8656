"""The ingestor's settings: `READMIT_INGESTOR_...`."""

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict
from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import (
    HttpSettings,
    KafkaSettings,
    PostgresSettings,
    SettingsGroup,
    TracedSettings,
)
from readmit_runtime.watchdog import WatchdogSettings


class RetentionSettings(SettingsGroup):
    """How long predictions stay, counted from when they were answered."""

    predictions_days: int = Field(
        365, ge=1, le=36_500, description="Days that a prediction stays; an older one is deleted, and none is stored."
    )
    inputs_days: int = Field(
        30, ge=1, le=36_500, description="The same for the encounters of replicas that keep them; no longer than those."
    )
    interval_s: float = Field(600.0, gt=0, le=86_400, description="Seconds between two looks for what is too old.")
    step_rows: int = Field(
        1_000, ge=1, le=100_000, description="Rows deleted in one transaction; larger is faster and holds locks longer."
    )

    @model_validator(mode="after")
    def _inputs_go_first(self) -> "RetentionSettings":
        if self.inputs_days > self.predictions_days:
            raise ValueError("inputs_days may not be above predictions_days")
        return self


class IngestorSettings(TracedSettings):
    """What an ingestor needs to know."""

    model_config = SettingsConfigDict(**{**TracedSettings.model_config, "env_prefix": "READMIT_INGESTOR_"})

    kafka: KafkaSettings
    postgres: PostgresSettings
    http: HttpSettings
    consumer: ConsumerSettings = ConsumerSettings(max_records=40, session_timeout_s=10)
    producer: ProducerSettings = ProducerSettings()
    sweep_s: float = Field(
        30.0, gt=0, le=600, description="Seconds after which stored batches are looked for without a reason."
    )
    retention: RetentionSettings = RetentionSettings()
    dead_letters_in_a_row: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Unusable messages in a row at which the process ends, for a person to look.",
    )
    watchdog: WatchdogSettings = WatchdogSettings()
    command_stuck_s: float = Field(
        300.0,
        gt=0,
        le=3600,
        description="The watchdog's stuck_s for commands: a rebuild of the clean tables is one handler's work.",
    )
