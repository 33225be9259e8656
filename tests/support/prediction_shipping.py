"""A prediction log on a fake broker and a real spool, and what can be seen of them."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from predictor.metrics import PredictorMetrics
from predictor.prediction_log import PredictionLog
from predictor.settings import PredictionLogSettings
from predictor.spool.segment_writer import Write
from prometheus_client import CollectorRegistry
from readmit_contracts.events import PredictionsMade
from readmit_contracts.topics import PREDICTIONS
from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock
from readmit_runtime.messages import incoming
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer
from support.prediction_records import prediction_record


class Shipping:
    """One replica's log. Several may share a spool and a broker."""

    def __init__(
        self,
        spool: Path,
        *,
        broker: FakeBroker | None = None,
        replica: str = "predictor-1",
        producer: type[FakeProducer] = FakeProducer,
        write: Write = os.write,
        clock: Clock | None = None,
        **settings: object,
    ) -> None:
        self.broker = broker or FakeBroker()
        if not self.broker.has_topic(PREDICTIONS.name):
            self.broker.create_topic(PREDICTIONS.name)
        self.spool = spool
        self.producer = producer(self.broker)
        self.registry = CollectorRegistry()
        quick = {"spool": spool, "flush_interval_s": 0.01, "flush_limit_s": 0.1, "adopt_interval_s": 0.02}
        self.log = PredictionLog(
            replica=replica,
            producer=self.producer,
            settings=PredictionLogSettings.model_validate(quick | settings),
            metrics=PredictorMetrics(self.registry),
            backoff=Backoff(first_s=0.002, most_s=0.005),
            clock=clock,
            write=write,
        )

    def add(self, *numbers: int) -> list[bool]:
        """Give records of these numbers to the log, one by one, and return its answers."""
        return [self.log.add(prediction_record(number)) for number in numbers]

    def chunks(self) -> list[PredictionsMade]:
        """Give the chunks that arrived, in order."""
        messages = [incoming(record)[1] for record in self.broker.records(PREDICTIONS.name)]
        return [message for message in messages if isinstance(message, PredictionsMade)]

    def ids(self) -> list[int]:
        """Give the numbers of the records that arrived, in order."""
        return [record.prediction_id.int for chunk in self.chunks() for record in chunk.records]

    def files(self) -> list[Path]:
        """Give the segments that lie in the spool, in order."""
        return sorted(self.spool.glob("*/*"))

    def folders(self) -> list[Path]:
        """Give the folders that lie in the spool."""
        return list(self.spool.iterdir())

    def counted(self, name: str, **labels: str) -> float:
        """Give the value of `readmit_predictor_<name>_total`."""
        return self.registry.get_sample_value(f"readmit_predictor_{name}_total", labels) or 0.0

    async def run(self, during: Callable[[], Awaitable[None]]) -> None:
        """Run the log while something happens, then end it."""
        ended = asyncio.Event()
        running = asyncio.create_task(self.log.run(ended))
        try:
            await during()
        finally:
            ended.set()
            async with asyncio.timeout(10):
                await running

    def die(self) -> None:
        """Leave the spool as a killed process does: the lock is gone, and nothing else happens."""
        folder = self.log._writer.folder
        assert folder is not None
        os.close(folder._lock)
        folder._lock = os.open(os.devnull, os.O_RDONLY)


async def nothing() -> None:
    """Let the log start, and end it."""
    await asyncio.sleep(0)
