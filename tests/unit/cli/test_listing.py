"""What `readmit topics list` says of each topic."""

from collections.abc import Collection

import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.topic_views import catalogue, listing, rendering
from readmit_contracts.topics import BATCHES, INGESTION_COMMANDS, MODELS_PROMOTED, TOPICS, dead_letter
from readmit_runtime.errors import Transient
from readmit_runtime.messages import Partition
from readmit_runtime.testing.fake_clock import FakeClock
from readmit_runtime.topic_admin import PartitionLag, PartitionOffsets

TRAIN = BATCHES["train"]


class FakeOffsets:
    """A broker whose topics have two partitions; each has ten messages from offset 5 on, dead letters have none."""

    def __init__(self, committed: int | None, *, unready: int = 0) -> None:
        self._committed = committed
        self.unready = unready

    async def offsets(self, topics: Collection[str]) -> list[PartitionOffsets]:
        """Return both partitions of each topic."""
        return [
            PartitionOffsets(Partition(topic, number), 5, 5 if topic.endswith(".dlq") else 15)
            for topic in topics
            for number in (0, 1)
        ]

    async def group_lag(self, group_id: str, topics: Collection[str]) -> list[PartitionLag]:
        """Return the same lag for every group; one partition has never been committed."""
        if self.unready:
            self.unready -= 1
            raise Transient("The coordinator of groups is not there yet.")
        waiting = 10 if self._committed is None else 15 - self._committed
        return [
            lag
            for topic in topics
            for lag in (
                PartitionLag(Partition(topic, 0), self._committed, 15, waiting),
                PartitionLag(Partition(topic, 1), None, 15, 10),
            )
        ]


async def row_of(topic, committed=12):
    """Give one topic's row."""
    rows = await listing.rows(TOPICS, FakeOffsets(committed), FakeClock())
    return next(row for row in rows if row.name == topic.name)


async def test_a_topic_shows_the_messages_still_kept_and_how_far_its_group_is_behind():
    """A partition that was never committed is behind by all it keeps."""
    row = await row_of(TRAIN)
    assert (row.partitions, row.messages, row.parked) == (2, 20, 0)
    assert [(lag.group, lag.waiting) for lag in row.lag] == [("ingestor", 13)]


async def test_a_group_that_never_committed_has_no_lag_to_show():
    """It has not begun, or reads without a group: a number would be made up."""
    row = await row_of(TRAIN, committed=None)
    assert [(lag.group, lag.waiting) for lag in row.lag] == [("ingestor", None)]


async def test_a_broker_that_is_still_making_itself_ready_for_groups_is_waited_for():
    """A new broker answers so until it has had its first group."""
    rows = await listing.rows(TOPICS, FakeOffsets(12, unready=3), FakeClock())
    assert len(rows) == len(TOPICS)
    with pytest.raises(Transient):
        await listing.rows(TOPICS, FakeOffsets(12, unready=1_000), FakeClock())


async def test_how_long_a_topic_keeps_its_messages_is_said_in_words():
    """A compacted topic has no time."""
    assert rendering.kept(await row_of(MODELS_PROMOTED)) == "last per key"
    assert rendering.kept(await row_of(INGESTION_COMMANDS)) == "30 days"


async def test_every_topic_has_its_line():
    """Dead letter topics are a column of their topic, not lines of their own."""
    rows = await listing.rows(TOPICS, FakeOffsets(12), FakeClock())
    assert [row.name for row in rows] == [topic.name for topic in TOPICS]
    assert rendering.table(rows).row_count == len(TOPICS)


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("readmit.batches.train.v1", TRAIN),
        ("batches.train", TRAIN),
        ("readmit.batches.train.v1.dlq", dead_letter(TRAIN)),
        ("batches.train.dlq", dead_letter(TRAIN)),
    ],
)
def test_a_topic_is_found_by_its_full_and_by_its_short_name(name, topic):
    """People leave out what is always the same."""
    assert catalogue.find(name) == topic


def test_an_unknown_topic_is_a_fault_of_the_command_line_and_the_likeliest_is_named():
    """A tail of a topic that does not exist would wait for ever."""
    with pytest.raises(CommandFailed, match=r"did you mean batches\.train") as caught:
        catalogue.find("batch.train")
    assert caught.value.code is ExitCode.USAGE
