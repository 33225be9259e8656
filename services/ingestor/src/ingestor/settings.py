"""The ingestor's settings: `READMIT_INGESTOR_...`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import HttpSettings, KafkaSettings, PostgresSettings, ServiceSettings
from readmit_runtime.watchdog import WatchdogSettings


class IngestorSettings(ServiceSettings):
    """What an ingestor needs to know."""

    model_config = SettingsConfigDict(**{**ServiceSettings.model_config, "env_prefix": "READMIT_INGESTOR_"})

    kafka: KafkaSettings
    postgres: PostgresSettings
    http: HttpSettings
    consumer: ConsumerSettings = ConsumerSettings(max_records=40, session_timeout_s=10)
    producer: ProducerSettings = ProducerSettings()
    sweep_s: float = Field(
        30.0, gt=0, le=600, description="Seconds after which stored batches are looked for without a reason."
    )
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
