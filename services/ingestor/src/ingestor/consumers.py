"""Put together what reads topics in an ingestor: a consumer group each, with a watchdog of its own."""

from collections.abc import Collection
from dataclasses import dataclass, field

from readmit_runtime.consumer import GroupConsumer, Handler
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.kafka_consumer import KafkaConsumerClient
from readmit_runtime.lifecycle import Loop
from readmit_runtime.loop_metrics import LoopMetrics
from readmit_runtime.topic_admin import lag_of
from readmit_runtime.watchdog import Probe, Watchdog

from ingestor.settings import IngestorSettings


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A member of one consumer group: what it reads, who handles it, how long one group of records may take."""

    name: str
    group_id: str
    topics: Collection[str]
    handler: Handler
    stuck_s: float
    progress: ConsumerProgress = field(default_factory=ConsumerProgress)

    def loops(self, settings: IngestorSettings, *, probe: Probe, metrics: LoopMetrics) -> dict[str, Loop]:
        """Make its loops by name: the consumer, and the watchdog that ends the process when it stands still."""
        client = KafkaConsumerClient(
            settings.kafka, settings.consumer, topics=self.topics, group_id=self.group_id, client_id=self.group_id
        )
        watchdog = Watchdog(
            settings.watchdog.model_copy(update={"stuck_s": self.stuck_s}),
            lag=lag_of(settings.kafka, group_id=self.group_id, topics=self.topics, client_id=self.group_id),
            held=client.assignment,
            probe=probe,
        )
        metrics.watch(self.name, self.progress, watchdog)
        handle = metrics.aged(self.name, self.handler)
        return {
            self.name: GroupConsumer(client, handle, settings.consumer, progress=self.progress).run,
            f"{self.name}_watchdog": watchdog.run,
        }
