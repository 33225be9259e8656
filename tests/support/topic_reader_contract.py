"""State what a reader of a whole topic gives, once, for every TopicReader."""

import asyncio

import pytest
from readmit_runtime.errors import Transient
from readmit_runtime.topic_reader import FromOffset, LastOffsets, Since, read_to_end
from support.kafka_cluster import Cluster


class TopicReaderContract:
    """The suite; a subclass gives the fixture `cluster`."""

    async def test_everything_is_read_from_the_beginning(self, cluster: Cluster) -> None:
        """Each process rebuilds its state from the whole topic."""
        topic = await cluster.create_topic(partitions=2)
        await cluster.fill(topic, [b"a", b"b"], partition=0)
        await cluster.fill(topic, [b"c"], partition=1)
        for _ in range(2):
            records = await read_to_end(cluster.reader(topic), limit_s=20)
            assert [(record.partition, record.value) for record in records] == [(0, b"a"), (0, b"b"), (1, b"c")]

    async def test_an_empty_topic_is_at_its_end_at_once(self, cluster: Cluster) -> None:
        """A first start has nothing to wait for."""
        topic = await cluster.create_topic()
        assert await read_to_end(cluster.reader(topic), limit_s=20) == []

    async def test_the_end_is_the_one_of_the_start_and_reading_goes_on(self, cluster: Cluster) -> None:
        """A busy topic must not keep a reader from ever being caught up."""
        topic = await cluster.create_topic()
        await cluster.fill(topic, [b"a"])
        reader = cluster.reader(topic)
        await reader.start()
        try:
            assert not reader.caught_up
            await cluster.fill(topic, [b"b"])
            values: list[bytes | None] = []
            async with asyncio.timeout(20):
                while len(values) < 2:
                    values += [record.value for record in await reader.read(0.1)]
            assert values == [b"a", b"b"]
            assert reader.caught_up
        finally:
            await reader.stop()
            await reader.stop()

    async def test_reading_may_begin_before_the_end(self, cluster: Cluster) -> None:
        """Who wants the last few need not wait for all that came before."""
        topic = await self._filled(cluster)
        records = await read_to_end(cluster.reader(topic, start=LastOffsets(2)), limit_s=20)
        assert [(record.partition, record.value) for record in records] == [(0, b"b"), (0, b"c"), (1, b"d")]

    @pytest.mark.parametrize(("offset", "values"), [(0, [b"a", b"b", b"c"]), (2, [b"c"]), (9, [])])
    async def test_reading_may_begin_at_an_offset_of_one_partition(self, cluster, offset, values) -> None:
        """What a log or a dead letter names is found by it; the other partitions begin at their ends."""
        topic = await self._filled(cluster)
        records = await read_to_end(cluster.reader(topic, start=FromOffset(0, offset)), limit_s=20)
        assert [record.value for record in records] == values

    async def test_reading_may_begin_at_a_moment(self, cluster: Cluster) -> None:
        """In each partition at its first record that is not older; in one without such a record at its end."""
        topic = await self._filled(cluster)
        written = {record.value: record.timestamp_ms for record in await cluster.records(topic)}
        for start_ms in (written[b"b"], max(written.values()) + 1):
            records = await read_to_end(cluster.reader(topic, start=Since(start_ms)), limit_s=20)
            expected = [value for value, at_ms in written.items() if at_ms >= start_ms]
            assert [record.value for record in records] == expected

    async def _filled(self, cluster: Cluster) -> str:
        topic = await cluster.create_topic(partitions=2)
        for value in (b"a", b"b", b"c"):
            await cluster.fill(topic, [value], partition=0)
            await asyncio.sleep(0.002)
        await cluster.fill(topic, [b"d"], partition=1)
        return topic

    async def test_a_topic_that_does_not_exist_is_transient(self, cluster: Cluster) -> None:
        """Services may start before the topics are made."""
        with pytest.raises(Transient, match="nowhere"):
            await read_to_end(cluster.reader("nowhere"), limit_s=5)
