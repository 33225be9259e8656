"""Run a real predictor process against real servers."""

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
from readmit_contracts.access import ID_BYTES, SECRET_BYTES, make_key
from readmit_contracts.events import ModelPromoted
from readmit_contracts.fields import Message
from readmit_contracts.topics import ACCESS_KEYS, Topic
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import IncomingRecord, OutgoingRecord, incoming, outgoing
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.s3_object_store import S3ObjectStore
from readmit_runtime.settings import KafkaSettings, ObjectStoreSettings
from readmit_runtime.topic_reader import read_to_end
from support.model_bundles import promotion, promotion_record
from support.predictor_rig import access_key
from trainer.bundle import BundleFiles

PATIENCE_S = 30.0

_Message = TypeVar("_Message", bound=Message)


class PredictorWorld:
    """A model name of its own on a shared broker, a bucket, and the predictors that serve it."""

    def __init__(self, bootstrap: str, object_store: ObjectStoreSettings, logs: Path) -> None:
        self._kafka = KafkaSettings(bootstrap_servers=bootstrap)
        self._object_store = object_store
        self._logs = logs
        self._producer = KafkaProducer(self._kafka, ProducerSettings(), client_id="tests")
        self.store = S3ObjectStore(object_store)
        self.model = f"test-{uuid4().hex[:12]}"
        self.key = new_key()
        self.lineage: UUID = uuid4()
        self.spool = logs / "spool"
        self._granted = False

    async def close(self) -> None:
        """Disconnect."""
        await self._producer.close()

    async def grant(self, key: str, **fields: Any) -> None:
        """Publish a key as `readmit keys create` does."""
        await self._producer.publish(outgoing(ACCESS_KEYS, access_key(key, **fields), source="/tests", id=uuid4()))

    async def revoke(self, key: str) -> None:
        """Revoke a key as `readmit keys revoke` does."""
        key_id = access_key(key).key_id
        await self._producer.publish(OutgoingRecord(topic=ACCESS_KEYS.name, key=key_id.encode(), value=None))

    async def store_bundle(self, bundle: BundleFiles) -> None:
        """Put a bundle where the trainer puts it."""
        for key, content in bundle.objects().items():
            await self.store.put_if_absent(key, content)

    async def promote(self, model_id: str, epoch: int) -> ModelPromoted:
        """Publish a promotion as the trainer does."""
        event = promotion(model_id, epoch, name=self.model, lineage=self.lineage)
        await self._producer.publish(promotion_record(event))
        return event

    async def messages(self, topic: Topic, kind: type[_Message]) -> list[_Message]:
        """Give all messages of one kind in a topic, other tests' included."""
        messages = [incoming(record)[1] for record in await self.records(topic)]
        return [message for message in messages if isinstance(message, kind)]

    async def records(self, topic: Topic) -> list[IncomingRecord]:
        """Give all records of a topic."""
        reader = KafkaTopicReader(self._kafka, topic.name, client_id="tests")
        return list(await read_to_end(reader, limit_s=PATIENCE_S))

    @asynccontextmanager
    async def predictor(self, replica: str | None = None, **settings: str) -> AsyncIterator["PredictorProcess"]:
        """Start a predictor, with a key that its client shows; at the end it is killed if the test did not stop it.

        `replica` is the name that one before it had; unless given, nobody had it.
        """
        if not self._granted:
            await self.grant(self.key)
            self._granted = True
        port, replica = free_port(), replica or f"replica-{uuid4().hex[:12]}"
        environment = self._environment(port, replica, settings)
        with (self._logs / f"{replica}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "predictor",
                env=environment,
                stdout=log,
                stderr=log,
            )
        headers = {"authorization": f"Bearer {self.key}"}
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE_S, headers=headers) as client:
            try:
                yield PredictorProcess(process, client, replica, port, self._logs / f"{replica}.log", self.key)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    def _environment(self, port: int, replica: str, settings: dict[str, str]) -> dict[str, str]:
        store = self._object_store
        values = {
            "KAFKA__BOOTSTRAP_SERVERS": self._kafka.bootstrap_servers,
            "OBJECT_STORE__ENDPOINT": store.endpoint,
            "OBJECT_STORE__ACCESS_KEY": store.access_key,
            "OBJECT_STORE__SECRET_KEY": store.secret_key.get_secret_value(),
            "OBJECT_STORE__BUCKET": store.bucket,
            "OBJECT_STORE__SECURE": str(store.secure),
            "HTTP__PORT": str(port),
            "MODEL": self.model,
            "REPLICA": replica,
            "REPORT_INTERVAL_S": "0.2",
            "PREDICTION_LOG__SPOOL": str(self.spool),
            "PREDICTION_LOG__FLUSH_INTERVAL_S": "0.2",
            "PREDICTION_LOG__ADOPT_INTERVAL_S": "0.5",
        } | settings
        return os.environ | {f"READMIT_PREDICTOR_{name}": value for name, value in values.items()}


@dataclass(frozen=True)
class PredictorProcess:
    """One running predictor."""

    process: asyncio.subprocess.Process
    client: httpx.AsyncClient
    replica: str
    port: int
    log: Path
    key: str

    async def serves(self, epoch: int) -> None:
        """Wait until it answers with this epoch."""

        async def served() -> bool:
            response = await self.client.get("/v1/model")
            return response.status_code == 200 and response.json()["epoch"] == epoch

        await self.eventually(served)

    async def answers(self, path: str, status: int) -> None:
        """Wait until it answers a path with this status."""

        async def answered() -> bool:
            return (await self.client.get(path)).status_code == status

        await self.eventually(answered)

    async def answers_with(self, path: str, status: int, code: str) -> None:
        """Wait until it answers a path with this problem."""

        async def answered() -> bool:
            response = await self.client.get(path)
            return response.status_code == status and response.json()["code"] == code

        await self.eventually(answered)

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
                    raise AssertionError(f"the predictor ended: {self.log.read_text()[-3000:]}")
                await asyncio.sleep(0.05)

    async def stop(self) -> int:
        """Ask it to stop and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


def new_key() -> str:
    """Give a key that no other test has."""
    return make_key(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))


def free_port() -> int:
    """Give a port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
