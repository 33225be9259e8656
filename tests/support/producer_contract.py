"""State what a service may rely on when it publishes, once, for every Producer."""

from collections.abc import AsyncIterator

import pytest
from readmit_runtime.errors import Transient
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import Position, Producer, RecordTooLarge, positions
from support.kafka_cluster import Cluster


class ProducerContract:
    """The suite; a subclass gives the fixture `cluster`."""

    @pytest.fixture
    async def producer(self, cluster: Cluster) -> AsyncIterator[Producer]:
        """Return a producer that is closed at the end."""
        producer = cluster.producer()
        yield producer
        await producer.close()

    async def test_a_published_record_is_stored_as_it_was_given(self, cluster: Cluster, producer: Producer) -> None:
        """Key, value and headers are the contract; nothing may touch them."""
        topic = await cluster.create_topic()
        record = OutgoingRecord(topic, b"k", b"\x00\xff", (("ce_id", b"1"), ("ce_id", b"2")))
        assert await producer.publish(record) == Position(topic, 0, 0)
        [stored] = await cluster.records(topic)
        assert (stored.key, stored.value, stored.headers) == (record.key, record.value, record.headers)

    async def test_a_tombstone_is_stored_as_no_value(self, cluster: Cluster, producer: Producer) -> None:
        """Compaction removes a key by a record without a value, which is not an empty one."""
        topic = await cluster.create_topic()
        await producer.publish(OutgoingRecord(topic, b"k", None))
        assert [record.value for record in await cluster.records(topic)] == [None]

    async def test_records_of_a_key_keep_their_order_in_one_partition(
        self, cluster: Cluster, producer: Producer
    ) -> None:
        """Readers rely on the order of a key, and on nothing else."""
        topic = await cluster.create_topic(partitions=3)
        records = [OutgoingRecord(topic, b"%d" % (number % 5), b"%d" % number) for number in range(50)]
        stored = positions(await producer.publish_all(records))
        assert len(stored) == 50
        for key in range(5):
            of_key = [record for record in await cluster.records(topic) if record.key == b"%d" % key]
            assert [int(record.value or b"") for record in of_key] == list(range(key, 50, 5))
            assert len({record.partition for record in of_key}) == 1

    async def test_outcomes_stand_in_the_order_of_the_records(self, cluster: Cluster, producer: Producer) -> None:
        """The outbox marks rows by the place of their outcome."""
        topic = await cluster.create_topic(partitions=3)
        records = [OutgoingRecord(topic, b"%d" % number, b"%d" % number) for number in range(20)]
        stored = positions(await producer.publish_all(records))
        where = {(record.partition, record.offset): record.value for record in await cluster.records(topic)}
        assert [where[position.partition, position.offset] for position in stored] == [r.value for r in records]

    async def test_a_record_too_large_fails_alone(self, cluster: Cluster, producer: Producer) -> None:
        """One impossible record must not keep the others from being published."""
        topic = await cluster.create_topic()
        small = OutgoingRecord(topic, b"small", b"x")
        large = OutgoingRecord(topic, b"large", b"x" * 1_000_001)
        first, refused, last = await producer.publish_all([small, large, small])
        assert isinstance(first, Position)
        assert isinstance(refused, RecordTooLarge)
        assert isinstance(last, Position)
        with pytest.raises(RecordTooLarge, match="max_record_bytes"):
            await producer.publish(large)

    async def test_after_a_failure_its_key_is_not_published_further(self, cluster: Cluster, producer: Producer) -> None:
        """A later state that overtakes an earlier one would be taken for the older."""
        topic = await cluster.create_topic()
        large = OutgoingRecord(topic, b"key", b"x" * 1_000_001)
        refused, later = await producer.publish_all([large, OutgoingRecord(topic, b"key", b"x")])
        assert isinstance(refused, RecordTooLarge)
        assert isinstance(later, Transient)
        assert await cluster.records(topic) == []

    async def test_a_topic_that_does_not_exist_is_transient(self, cluster: Cluster, producer: Producer) -> None:
        """Services may start before the topics are made."""
        with pytest.raises(Transient):
            await producer.publish(OutgoingRecord("nowhere", b"k", b"x"))

    async def test_publishing_nothing_is_allowed(self, producer: Producer) -> None:
        """An outbox is empty most of the time."""
        assert await producer.publish_all([]) == []

    async def test_closing_twice_is_allowed(self, cluster: Cluster, producer: Producer) -> None:
        """Every way out of a service closes it."""
        await producer.publish(OutgoingRecord(await cluster.create_topic(), b"k", b"x"))
        await producer.close()
        await producer.close()
