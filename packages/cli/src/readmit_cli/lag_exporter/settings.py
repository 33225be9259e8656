"""The lag exporter's settings: `READMIT_LAG_EXPORTER_...`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from readmit_runtime.settings import HttpSettings, KafkaSettings, ServiceSettings

USUAL_PORT = 9_308  # of exporters of Kafka's figures


class LagExporterSettings(ServiceSettings):
    """What the lag exporter needs to know."""

    model_config = SettingsConfigDict(**{**ServiceSettings.model_config, "env_prefix": "READMIT_LAG_EXPORTER_"})

    kafka: KafkaSettings | None = Field(None, description="Kafka; unset takes the one that the command line looks at.")
    http: HttpSettings = HttpSettings(port=USUAL_PORT)
    interval_s: float = Field(
        5.0, ge=1, le=300, description="Seconds between two looks; a scrape is told what the last one found."
    )
    withdraw_s: float = Field(
        60.0, ge=1, le=3600, description="Seconds after which figures that could not be renewed are withdrawn."
    )
