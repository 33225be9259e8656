"""Keys made, listed and revoked by the command, on a real broker; and the one that a stack makes for itself."""

import json

from readmit_cli.access.key_store import KeyStore
from readmit_cli.exit_codes import ExitCode
from readmit_cli.stack import access_key
from readmit_contracts.access import digest_of, key_id_of
from readmit_contracts.topics import ACCESS_KEYS
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_reader import read_to_end
from support.predictor_process import new_key


async def test_a_key_is_made_listed_and_revoked(readmit, kafka_bootstrap):
    """Its text is printed once, and Kafka has nothing that opens anything."""
    made = json.loads((await readmit("keys", "create", "--label", "the ward", "--days", "30", "--json")).out)
    assert key_id_of(made["key"]) == made["key_id"]
    listed = json.loads((await readmit("keys", "list", "--json")).out)
    (ours,) = [key for key in listed if key["key_id"] == made["key_id"]]
    assert (ours["label"], ours["scopes"], ours["expired"]) == ("the ward", ["predict"], False)
    assert ours["expires_at"] == made["expires_at"]
    shown = (await readmit("keys", "list")).out
    assert made["key_id"] in shown
    assert made["key"] not in shown
    records = await read_to_end(
        KafkaTopicReader(KafkaSettings(bootstrap_servers=kafka_bootstrap), ACCESS_KEYS.name, client_id="test"),
        limit_s=20,
    )
    (value,) = [record.value for record in records if record.key == made["key_id"].encode()]
    assert digest_of(made["key"]).encode() in value
    assert made["key"][20:].encode() not in value

    assert (await readmit("keys", "revoke", made["key_id"])).code == ExitCode.DONE
    listed = json.loads((await readmit("keys", "list", "--json")).out)
    assert made["key_id"] not in [key["key_id"] for key in listed]
    again = await readmit("keys", "revoke", made["key_id"])
    assert again.code == ExitCode.USAGE
    assert "revoked already" in again.err


async def test_a_stacks_own_key_is_made_known_once_and_again_after_it_was_revoked(kafka_bootstrap):
    """`readmit up` repairs, and leaves alone what is as it should be."""
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap)
    key = new_key()
    assert await access_key._ensure(kafka, key) == "access key made known"
    assert await access_key._ensure(kafka, key) == ""
    store = KeyStore(kafka, client_id="test")
    kept = (await store.keys())[key_id_of(key)]
    assert kept.key.sha256 == digest_of(key)
    await store.revoke(kept.key.key_id)
    assert await access_key._ensure(kafka, key) == "access key made known"


async def test_a_predictor_elsewhere_needs_a_key_of_its_own(readmit):
    """The local stack's key opens nothing there, and must not be sent there."""
    ended = await readmit("predict", READMIT_CLI_PREDICTOR="http://127.0.0.1:1")
    assert ended.code == ExitCode.USAGE
    assert "READMIT_CLI_PREDICTOR_KEY" in ended.err
