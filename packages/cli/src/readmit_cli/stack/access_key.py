"""Let the stack's own access key be one that its predictor takes."""

import asyncio

from readmit_contracts.access import PREDICT_SCOPE, AccessKey, digest_of, key_id_of
from readmit_runtime.errors import Transient
from readmit_runtime.settings import KafkaSettings

from readmit_cli.access.key_store import KeyStore
from readmit_cli.stack.errors import StackError

LABEL = "this stack's own: readmit predict, readmit demo, your shell"


def ensure(bootstrap_servers: str, key: str) -> str:
    """Publish what is known of the key unless it stands in Kafka; answer a note. Raises StackError."""
    return asyncio.run(_ensure(KafkaSettings(bootstrap_servers=bootstrap_servers), key))


async def _ensure(kafka: KafkaSettings, key: str) -> str:
    store = KeyStore(kafka, client_id="readmit-up")
    key_id = key_id_of(key)
    if key_id is None:
        raise StackError("The access key among the stack's credentials is none; remove it there and start again.")
    wanted = AccessKey(key_id=key_id, sha256=digest_of(key), scopes=(PREDICT_SCOPE,), expires_at=None, label=LABEL)
    try:
        kept = (await store.keys()).get(key_id)
        if kept is not None and kept.key == wanted:
            return ""
        await store.put(wanted)
    except Transient as error:
        raise StackError(f"The access key cannot be made known on {kafka.bootstrap_servers}: {error}") from error
    return "access key made known"
