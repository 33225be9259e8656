"""Which messages the trainer acts on."""

from uuid import uuid4

from readmit_contracts.topics import INGESTION_EVENTS, MODELS_COMMANDS, TRAINING_COMMANDS
from readmit_runtime.messages import IncomingRecord
from support.message_examples import EXAMPLES
from support.trainer_rig import as_delivered
from trainer.asking.intake import TOPICS, Intake


async def _kept(records: list[IncomingRecord]) -> list[IncomingRecord]:
    kept: list[IncomingRecord] = []

    async def handle(given):
        kept.extend(given)

    await Intake(handle)(records)
    return kept


async def test_of_the_ingestions_events_two_are_acted_on_and_of_the_commands_all():
    """Hundreds of batch events a run must not fill the inbox."""
    records = [as_delivered(message, uuid4()) for message in EXAMPLES]
    kept = await _kept([record for record in records if record.topic in TOPICS])
    types = [dict(record.headers)["ce_type"].decode().split(".")[1] for record in kept]
    wanted = {type(message).__name__ for message in EXAMPLES} & {
        message.__name__ for topic in (TRAINING_COMMANDS, MODELS_COMMANDS) for message in topic.messages
    }
    assert set(types) == wanted | {"IngestionCompleted", "StoreReset"}


async def test_what_cannot_be_read_goes_on_to_be_parked():
    """Dropping it here would hide a fault of its sender."""
    unreadable = IncomingRecord(INGESTION_EVENTS.name, 0, 0, b"k", b"{", (), 0)
    assert await _kept([unreadable]) == [unreadable]
