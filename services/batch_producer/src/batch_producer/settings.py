"""The batch producer's settings: `READMIT_BATCH_PRODUCER_...`."""

from pathlib import Path
from typing import Self

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


class StreamingSettings(SettingsGroup):
    """How a worker streams the runs it claims."""

    lease_s: float = Field(
        10.0,
        ge=1,
        le=300,
        description="Seconds after which another worker takes over the run of one that died; it costs as long a pause.",
    )
    check_s: float = Field(
        0.5, gt=0, le=5, description="Time between two renewals of the lease, each of which sees a cancelled run."
    )
    poll_s: float = Field(
        1.0, gt=0, le=60, description="Time between two looks for a run; one planned in this process is seen at once."
    )
    chunks_in_flight: int = Field(
        10,
        ge=1,
        le=200,
        description="Chunks (about 95 KB each) sent before their confirmations are awaited and the run is looked at.",
    )

    @model_validator(mode="after")
    def _lease_outlasts_its_renewals(self) -> Self:
        if self.check_s * 3 > self.lease_s:
            raise ValueError("check_s may be a third of lease_s at the most, so that two renewals may fail")
        return self


class BatchProducerSettings(TracedSettings):
    """What a batch producer needs to know."""

    model_config = SettingsConfigDict(**{**TracedSettings.model_config, "env_prefix": "READMIT_BATCH_PRODUCER_"})

    kafka: KafkaSettings
    postgres: PostgresSettings
    http: HttpSettings
    dataset: Path = Field(description="The dataset's CSV file; it is read again when it changes.")
    consumer: ConsumerSettings = ConsumerSettings(max_records=20, session_timeout_s=10)
    producer: ProducerSettings = ProducerSettings()
    streaming: StreamingSettings = StreamingSettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    dead_letters_in_a_row: int = Field(
        100,
        ge=1,
        le=10_000,
        description="Refused or unreadable commands in a row at which the process ends, for a person to look.",
    )
