"""Bound what a consumer holds at once and how long its group waits for it."""

from typing import Self

from pydantic import Field, model_validator

from readmit_runtime.settings import SettingsGroup


class ConsumerSettings(SettingsGroup):
    """How one member of a consumer group reads; the defaults suit small messages."""

    max_records: int = Field(
        500, ge=1, le=10_000, description="Most records of one group; larger = fewer commits, longer replay."
    )
    group_wait_s: float = Field(
        0.05, ge=0, le=10, description="Longest time the first record waits for more that are known to be there."
    )
    poll_s: float = Field(
        0.5, gt=0, le=5, description="Longest wait for a first record; a stop is noticed within this time."
    )
    partition_fetch_bytes: int = Field(
        8 * 1024 * 1024,
        ge=1024 * 1024,
        le=64 * 1024 * 1024,
        description="Most bytes fetched of one partition at a time; each partition held may buffer this much.",
    )
    fetch_bytes: int = Field(
        32 * 1024 * 1024, ge=1024 * 1024, le=256 * 1024 * 1024, description="Most bytes of one fetch from one broker."
    )
    session_timeout_s: float = Field(
        30.0, ge=6, le=300, description="Silence after which the broker gives a dead member's partitions away."
    )
    heartbeat_s: float = Field(3.0, gt=0, le=60, description="Time between two signs of life to the broker.")
    rebalance_timeout_s: float = Field(
        60.0, ge=10, le=600, description="Longest time the broker waits for this member in a rebalance."
    )
    revoke_budget_s: float = Field(
        45.0, gt=0, le=590, description="Longest time a rebalance waits for the group in hand."
    )
    poll_interval_limit_s: float = Field(
        300.0, ge=10, le=3600, description="A handler that runs longer costs the member its partitions."
    )
    commit_limit_s: float = Field(
        10.0, gt=0, le=120, description="Longest wait for one commit; then it is put off to the next turn."
    )
    backoff_first_s: float = Field(
        0.5, gt=0, le=60, description="Longest wait after the first failure of a dependency; it doubles from there."
    )
    backoff_limit_s: float = Field(30.0, gt=0, le=600, description="Longest wait between two tries of the same work.")

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.revoke_budget_s >= self.rebalance_timeout_s:
            # past its timeout the broker evicts the member anyway, so the wait would be for nothing
            raise ValueError("revoke_budget_s must be below rebalance_timeout_s")
        if self.heartbeat_s * 3 > self.session_timeout_s:
            raise ValueError("session_timeout_s must leave room for three heartbeats")
        return self
