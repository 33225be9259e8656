from readmit_contracts import topics
from readmit_contracts.chunks import Chunk
from readmit_contracts.registry import MESSAGES
from readmit_contracts.source import SPLITS

TABLE = {
    "readmit.ingestion.commands.v1": (1, 1, "delete", 30, "CreateTime"),
    "readmit.quarantine.commands.v1": (1, 1, "delete", 30, "CreateTime"),
    "readmit.batches.train.v1": (6, 12, "delete", 7, "CreateTime"),
    "readmit.batches.validation.v1": (6, 12, "delete", 7, "CreateTime"),
    "readmit.batches.test.v1": (6, 12, "delete", 7, "CreateTime"),
    "readmit.ingestion.events.v1": (3, 6, "delete", 30, "CreateTime"),
    "readmit.training.commands.v1": (1, 1, "delete", 30, "CreateTime"),
    "readmit.training.events.v1": (3, 6, "delete", 30, "CreateTime"),
    "readmit.models.commands.v1": (1, 1, "delete", 30, "CreateTime"),
    "readmit.models.promoted.v1": (1, 1, "compact", None, "CreateTime"),
    "readmit.models.loaded.v1": (1, 3, "delete", 7, "LogAppendTime"),
    "readmit.predictions.v1": (3, 12, "delete", 30, "CreateTime"),
    "readmit.access.keys.v1": (1, 1, "compact", None, "CreateTime"),
}


def test_topics_are_as_documented() -> None:
    """A changed partition count moves keys, a changed retention forgets sooner; neither happens by accident."""
    assert {
        topic.name: (
            topic.partitions_local,
            topic.partitions_production,
            topic.cleanup,
            topic.retention_days,
            topic.timestamp,
        )
        for topic in topics.TOPICS
    } == TABLE


def test_every_message_type_has_exactly_one_topic_and_every_topic_only_registered_types() -> None:
    """A type on two topics would have no order with itself; an unregistered one could not be read."""
    carried = [message_type for topic in topics.TOPICS for message_type in topic.messages]
    assert sorted((kind for kind in carried if kind is not Chunk), key=str) == sorted(MESSAGES, key=str)
    assert carried.count(Chunk) == len(SPLITS)


def test_a_topic_is_found_by_name_and_batches_by_split() -> None:
    """No other place writes a topic's name."""
    assert all(topics.topic(topic.name) is topic for topic in topics.TOPICS)
    assert [topics.BATCHES[split].name for split in SPLITS] == [f"readmit.batches.{split}.v1" for split in SPLITS]


def test_a_dead_letter_topic_is_written_by_the_readers_and_kept_thirty_days() -> None:
    """Whoever parks a message needs a place for it, and an operator the time to look."""
    parked = topics.dead_letter(topics.BATCHES["train"])
    assert parked.name == "readmit.batches.train.v1.dlq"
    assert parked.writers == ("ingestor",)
    assert (parked.partitions_local, parked.partitions_production, parked.cleanup, parked.retention_days) == (
        1,
        3,
        "delete",
        30,
    )


def test_somebody_writes_and_somebody_reads_every_topic() -> None:
    """A topic without either is a mistake in the table, and its access rules would lock someone out."""
    for topic in topics.TOPICS:
        assert topic.writers
        assert topic.readers
        assert topic.description
