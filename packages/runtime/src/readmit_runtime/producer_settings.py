"""Bound what a producer sends at once and how long it waits for the broker."""

from pydantic import Field

from readmit_runtime.settings import SettingsGroup


class ProducerSettings(SettingsGroup):
    """How a service publishes; acknowledgement by all replicas and idempotence are not settings."""

    delivery_limit_s: float = Field(
        15.0, gt=0, le=600, description="Longest wait without a confirmation; then the delivery counts as unknown."
    )
    max_record_bytes: int = Field(
        1_000_000,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Largest record before compression; keep it below the topics' max.message.bytes.",
    )
    batch_bytes: int = Field(
        512 * 1024,
        ge=1024,
        le=16 * 1024 * 1024,
        description="Bytes of one partition sent together, before compression; keep it below the topic's limit.",
    )
    linger_s: float = Field(
        0.0, ge=0, le=1, description="Time a record waits for others to share its batch; adds to every delivery."
    )
