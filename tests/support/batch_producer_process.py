"""Run a real batch producer process against real servers."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from readmit_contracts.source import SPLITS
from readmit_contracts.topics import BATCHES
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.settings import KafkaSettings, PostgresSettings
from readmit_runtime.topic_reader import read_to_end

PATIENCE_S = 45.0


@dataclass(frozen=True)
class BatchProducerWorld:
    """A broker, a database and a dataset file, and the batch producers that work on them."""

    bootstrap: str
    postgres: PostgresSettings
    dataset: Path
    logs: Path

    @asynccontextmanager
    async def process(self, **settings: str) -> AsyncIterator["BatchProducerProcess"]:
        """Start a batch producer; at the end it is killed if the test did not stop it."""
        port = _free_port()
        log = self.logs / f"{port}.log"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "batch_producer", env=self._environment(port, settings), stdout=file, stderr=file
            )
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
            try:
                yield BatchProducerProcess(process, client, log)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def sent(self, dataset_id: UUID) -> list[IncomingRecord]:
        """Give every chunk of a dataset in the topics of the batches."""
        kafka = KafkaSettings(bootstrap_servers=self.bootstrap)
        records: list[IncomingRecord] = []
        for split in SPLITS:
            reader = KafkaTopicReader(kafka, BATCHES[split].name, client_id="tests")
            records += await read_to_end(reader, limit_s=PATIENCE_S)
        wanted = ("readmit_dataset_id", str(dataset_id).encode())
        return [record for record in records if wanted in record.headers]

    def _environment(self, port: int, settings: dict[str, str]) -> dict[str, str]:
        values = {
            "KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "POSTGRES__HOST": self.postgres.host,
            "POSTGRES__PORT": str(self.postgres.port),
            "POSTGRES__DATABASE": self.postgres.database,
            "POSTGRES__USER": self.postgres.user,
            "POSTGRES__PASSWORD": self.postgres.password.get_secret_value(),
            "HTTP__PORT": str(port),
            "DATASET": str(self.dataset),
            **settings,
        }
        return os.environ | {f"READMIT_BATCH_PRODUCER_{name}": value for name, value in values.items()}


@dataclass(frozen=True)
class BatchProducerProcess:
    """One running batch producer."""

    process: asyncio.subprocess.Process
    client: httpx.AsyncClient
    log: Path

    async def shows(self, path: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until it answers a path with 200 and a body that fits, and give the body."""
        body: dict[str, Any] = {}

        async def shown() -> bool:
            answer = await self.client.get(path)
            body.clear()
            body.update(answer.json())
            return answer.status_code == 200 and condition(body)

        await self.eventually(shown)
        return body

    async def eventually(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until the condition holds; a process that does not answer yet counts as no."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    if await condition():
                        return
                except httpx.TransportError:
                    pass
                if self.process.returncode is not None:
                    raise AssertionError(f"the batch producer ended: {self.log.read_text()[-3000:]}")
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
