"""Look at all groups that read some topics: the one way by which lag is told to people and to Prometheus."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Self

from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.group_lag import LagReport, group_lags
from readmit_runtime.kafka_errors import transient_errors
from readmit_runtime.record_times import RecordTimes
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_admin import TopicAdmin

READ_LIMIT_S = 30.0


class LagReader:
    """Reads what groups committed, what the topics hold, and when what waits first was written."""

    def __init__(self, topics: Collection[str], admin: TopicAdmin, times: RecordTimes, clock: Clock) -> None:
        self._topics = topics
        self._admin = admin
        self._times = times
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, kafka: KafkaSettings, topics: Collection[str], *, client_id: str, clock: Clock | None = None
    ) -> AsyncIterator[Self]:
        """Connect for the length of the block; raises Transient."""
        clock = clock or SystemClock()
        async with (
            TopicAdmin.connect(kafka, client_id=client_id) as admin,
            RecordTimes.connect(kafka, client_id=client_id, clock=clock) as times,
        ):
            yield cls(topics, admin, times, clock)

    async def read(self) -> LagReport:
        """Return what holds now, of those of the topics that exist; raises Transient, also after `READ_LIMIT_S`.

        The groups are read before the ends of the topics: a commit in between makes the lag a little too large, and
        never negative.
        """
        with transient_errors("reading the lag of all groups"):
            async with asyncio.timeout(READ_LIMIT_S):
                topics = await self._admin.existing(self._topics)
                states = await self._admin.groups(topics)
                bounds = await self._admin.offsets(topics)
                groups = group_lags(states, bounds)
                times = await self._times.read([lag for group in groups for lag in group.partitions])
        now_ms = self._clock.now().timestamp() * 1000
        # the sender's clock may be ahead of this one
        ages = {
            place: None if time_ms is None else max(0.0, (now_ms - time_ms) / 1000) for place, time_ms in times.items()
        }
        return LagReport(tuple(bounds), tuple(group.with_ages(ages) for group in groups))
