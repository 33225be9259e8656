"""Publishing commands."""

import pytest
from readmit_cli.asking.requests import Request, publish
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_contracts.commands import PromoteModel, RebuildClean, StartIngestion, TrainModel
from readmit_contracts.topics import INGESTION_COMMANDS, MODELS_COMMANDS, QUARANTINE_COMMANDS, TRAINING_COMMANDS
from readmit_runtime.messages import incoming
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer
from support.status_rows import COMMAND_ID, MODEL_ID

START = StartIngestion(batches={"train": "all"}, then="nothing")
PROMOTE = PromoteModel(model_id=MODEL_ID, reason="better", actor="operator")


@pytest.mark.parametrize(
    ("message", "topic", "key", "taker"),
    [
        (START, INGESTION_COMMANDS, b"store", "batch_producer"),
        (RebuildClean(reason="altered", actor="operator"), QUARANTINE_COMMANDS, b"store", "ingestor"),
        (TrainModel(), TRAINING_COMMANDS, b"readmission", "trainer"),
        (PROMOTE, MODELS_COMMANDS, b"readmission", "trainer"),
    ],
)
async def test_a_command_goes_to_its_topic_under_its_id_with_the_same_bytes_each_time(message, topic, key, taker):
    """So that giving it twice acts once, and who acts on it is known from the topic."""
    broker = FakeBroker()
    broker.create_topic(topic.name)
    request = Request(COMMAND_ID, message)
    for _ in range(2):
        await publish(request, FakeProducer(broker))
    first, second = broker.records(topic.name)
    envelope, read = incoming(first)
    assert (envelope.id, read, first.key) == (COMMAND_ID, message, key)
    assert (first.value, first.headers) == (second.value, second.headers)
    assert request.effect == (COMMAND_ID, type(message), taker)


async def test_a_delivery_that_nobody_confirmed_is_said_to_be_unknown():
    """To give the command again under another id could start two runs."""
    broker = FakeBroker()
    broker.away = True
    with pytest.raises(CommandFailed, match="may act or not") as caught:
        await publish(Request(COMMAND_ID, START), FakeProducer(broker))
    assert caught.value.code is ExitCode.UNAVAILABLE
