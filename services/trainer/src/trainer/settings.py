"""The trainer's settings: `READMIT_TRAINER_...`."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict
from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import (
    HttpSettings,
    KafkaSettings,
    ObjectStoreSettings,
    PostgresSettings,
    SettingsGroup,
    TracedSettings,
)
from readmit_runtime.watchdog import WatchdogSettings


class JobSettings(SettingsGroup):
    """How a worker does the jobs it claims."""

    lease_s: float = Field(
        30.0,
        ge=1,
        le=600,
        description="Seconds after which another worker takes over the job of one that died; it costs as long a pause.",
    )
    renew_s: float = Field(
        2.0, gt=0, le=60, description="Time between two renewals of the lease, each of which sees a cancelled job."
    )
    poll_s: float = Field(
        5.0,
        gt=0,
        le=600,
        description="Time between two looks for a job; one asked for in this process is seen at once.",
    )
    attempts_max: int = Field(
        5, ge=1, le=100, description="Attempts at a job, lost workers and killed children included; then it fails."
    )

    @model_validator(mode="after")
    def _renewed_in_time(self) -> Self:
        if self.renew_s * 3 > self.lease_s:
            # a renewal may fail twice before the job is taken away
            raise ValueError("lease_s must leave room for three renewals of renew_s")
        return self


class FitSettings(SettingsGroup):
    """What the children that fit and judge may use."""

    threads: int = Field(
        2, ge=1, le=64, description="Threads of a fit. Part of the job's identity: sums depend on it, so bytes do."
    )
    memory_mib: int = Field(4096, ge=256, le=262_144, description="Address space of one child; past it the job fails.")
    cpu_s: int = Field(1800, ge=1, le=864_000, description="CPU time of all threads of one child; past it it ends.")
    wall_s: float = Field(1800.0, gt=0, le=864_000, description="Seconds from a child's start to its end.")
    scratch: Path | None = Field(
        default=None, description="Folder for the children's files, about 60 MB a job; unset takes the system's own."
    )


class PromotionSettings(SettingsGroup):
    """When the champion changes, and how that is made known."""

    poll_s: float = Field(5.0, gt=0, le=600, description="Time between two looks for a wish; most are seen at once.")
    version_wait_s: float = Field(
        10.0,
        ge=0,
        le=120,
        description="Longest time a promotion waits for its model's version in MLflow, to name it; when MLflow is away "
        "it does not wait.",
    )
    announce_every_s: float = Field(
        30.0, gt=0, le=3600, description="Time between two comparisons of the topic of promotions with the table."
    )
    read_limit_s: float = Field(30.0, gt=0, le=600, description="Longest time for reading that topic to its end.")


class MlflowSettings(SettingsGroup):
    """How to reach MLflow, which shows what Postgres decided."""

    uri: str = Field(pattern=r"^https?://\S+$", description="The tracking server.")
    username: str | None = Field(default=None, description="Login, where the server asks for one.")
    password: SecretStr | None = Field(default=None, description="The login's password.")
    experiment: str = Field(
        "readmit", min_length=1, max_length=100, description="Experiment that holds the runs; made when absent."
    )
    every_s: float = Field(
        15.0, gt=0, le=3600, description="Time between two looks for models to register; new ones are seen at once."
    )
    alias_every_s: float = Field(
        30.0, gt=0, le=3600, description="Time between two comparisons of the `champion` alias with the champion."
    )
    request_limit_s: float = Field(5.0, gt=0, le=120, description="Longest wait for one answer of the server.")
    register_limit_s: float = Field(
        120.0, gt=0, le=3600, description="Longest time for the run, the artifacts and the version of one model."
    )


class TrainerSettings(TracedSettings):
    """What a trainer needs to know."""

    model_config = SettingsConfigDict(**{**TracedSettings.model_config, "env_prefix": "READMIT_TRAINER_"})

    kafka: KafkaSettings
    postgres: PostgresSettings
    object_store: ObjectStoreSettings
    mlflow: MlflowSettings
    http: HttpSettings
    jobs: JobSettings = JobSettings()
    fit: FitSettings = FitSettings()
    promotion: PromotionSettings = PromotionSettings()
    consumer: ConsumerSettings = ConsumerSettings(max_records=100, session_timeout_s=10)
    producer: ProducerSettings = ProducerSettings()
    dead_letters_in_a_row: int = Field(
        50, ge=1, le=10_000, description="Unusable messages in a row at which the process ends, for a person to look."
    )
    watchdog: WatchdogSettings = WatchdogSettings()
