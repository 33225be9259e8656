"""Read the access keys that stand in Kafka, make one known, revoke one."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import structlog
from readmit_contracts.access import AccessKey
from readmit_contracts.topics import ACCESS_KEYS
from readmit_runtime.errors import Rejected
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import IncomingRecord, OutgoingRecord, incoming, outgoing
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_reader import TopicReader, read_to_end

from readmit_cli.asking.requests import SOURCE

READ_LIMIT_S = 30.0

log = structlog.get_logger(__name__)


class KeptKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that is not revoked, and since when it stands in Kafka."""

    key: AccessKey
    since: datetime


class KeyStore:
    """The topic of access keys. Every method raises Transient while Kafka cannot be reached."""

    def __init__(self, kafka: KafkaSettings, *, client_id: str) -> None:
        self._kafka = kafka
        self._client_id = client_id

    async def keys(self) -> dict[str, KeptKey]:
        """Return the keys that are not revoked, by id, oldest first; expired ones are among them."""
        reader = KafkaTopicReader(self._kafka, ACCESS_KEYS.name, client_id=self._client_id)
        return await read_keys(reader)

    async def put(self, key: AccessKey) -> None:
        """Make a key known, or what holds of it from now on."""
        await self._publish(outgoing(ACCESS_KEYS, key, source=SOURCE, id=uuid4()))

    async def revoke(self, key_id: str) -> None:
        """Let nobody use a key any more."""
        await self._publish(OutgoingRecord(topic=ACCESS_KEYS.name, key=key_id.encode(), value=None))

    async def _publish(self, record: OutgoingRecord) -> None:
        producer = KafkaProducer(self._kafka, ProducerSettings(), client_id=self._client_id)
        try:
            await producer.publish(record)
        finally:
            await producer.close()


async def read_keys(reader: TopicReader) -> dict[str, KeptKey]:
    """Return what the topic comes to; what is no key of its own id is passed over, as predictors do."""
    keys: dict[str, KeptKey] = {}
    for record in await read_to_end(reader, limit_s=READ_LIMIT_S):
        key_id = (record.key or b"").decode(errors="replace")
        key = _key(record)
        if record.value is None:
            keys.pop(key_id, None)
        elif key is not None and key.key_id == key_id:
            keys[key_id] = KeptKey(key=key, since=datetime.fromtimestamp(record.timestamp_ms / 1000, UTC))
    return keys


def _key(record: IncomingRecord) -> AccessKey | None:
    if record.value is None:
        return None
    try:
        _, message = incoming(record)
    except Rejected as error:
        log.warning("access_key_unreadable", offset=record.offset, reason=error.reason)
        return None
    return message if isinstance(message, AccessKey) else None
