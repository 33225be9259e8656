"""What `readmit topics list` says of each topic."""

import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.topic_views import catalogue, lag_view, listing, rendering
from readmit_contracts.topics import BATCHES, INGESTION_COMMANDS, MODELS_PROMOTED, PREDICTIONS, TOPICS, dead_letter
from readmit_runtime.group_lag import GroupLag, LagReport, PartitionLag, PartitionOffsets
from readmit_runtime.messages import Partition
from rich.console import Console

TRAIN = BATCHES["train"]


def report(*groups: GroupLag, missing: str = "") -> LagReport:
    """Give a broker whose topics have two partitions of ten messages, from offset 5 on; dead letters have one."""
    names = [name for topic in TOPICS for name in (topic.name, dead_letter(topic).name) if name != missing]
    bounds = [
        PartitionOffsets(Partition(name, number), 5, 6 if name.endswith(".dlq") else 15)
        for name in names
        for number in (0, 1)
    ]
    return LagReport(tuple(bounds), groups)


def group(name: str, topic: str = TRAIN.name) -> GroupLag:
    """Give a group that is behind by 3 messages in one partition and by all in the other."""
    return GroupLag(
        name,
        "Stable",
        1,
        (PartitionLag(Partition(topic, 0), 12, 15, 3, 7.0), PartitionLag(Partition(topic, 1), None, 15, 10, 60.0)),
    )


def row_of(topic, found=None) -> listing.TopicRow:
    """Give one topic's row."""
    return next(row for row in listing.rows(TOPICS, found or report()) if row.name == topic.name)


def test_a_topic_shows_the_messages_still_kept_and_how_far_each_group_is_behind():
    """In all partitions together; as late as the latest of them."""
    row = row_of(TRAIN, report(group("ingestor"), group("trainer")))
    assert (row.partitions, row.messages, row.parked) == (2, 20, 2)
    assert [(lag.group, lag.waiting, lag.age_s) for lag in row.lag] == [("ingestor", 13, 60.0), ("trainer", 13, 60.0)]


def test_an_age_that_could_not_be_read_is_unknown_and_the_rest_is_told():
    """Whoever may not read a topic may still see how far its readers are."""
    unread = PartitionLag(Partition(TRAIN.name, 0), 12, 15, 3, None)
    known = PartitionLag(Partition(TRAIN.name, 1), None, 15, 10, 60.0)
    found = report(GroupLag("ingestor", "Stable", 1, (unread, known)))
    assert [(lag.waiting, lag.age_s) for lag in row_of(TRAIN, found).lag] == [(13, None)]
    rows = lag_view.rows(found)
    assert [(row.waiting, row.age_s, row.partitions[1].age_s) for row in rows] == [(13, None, 60.0)]
    for table in (lag_view.table(rows, partitions=True), lag_view.groups_table(rows)):
        console = Console(width=200, record=True)
        console.print(table)
        assert "?" in console.export_text()


def test_a_topic_shows_only_the_groups_that_read_it():
    """A service may have several groups, and their names are the broker's to tell."""
    found = report(group("ingestor"), group("ingestor-predictions", PREDICTIONS.name))
    assert [lag.group for lag in row_of(PREDICTIONS, found).lag] == ["ingestor-predictions"]
    assert row_of(INGESTION_COMMANDS, found).lag == ()


def test_a_topic_that_does_not_exist_has_its_line_too():
    """It is what the operator has to see."""
    row = row_of(TRAIN, report(missing=TRAIN.name))
    assert (row.partitions, row.messages) == (0, 0)


def test_how_long_a_topic_keeps_its_messages_is_said_in_words():
    """A compacted topic has no time."""
    assert rendering.kept(row_of(MODELS_PROMOTED)) == "last per key"
    assert rendering.kept(row_of(INGESTION_COMMANDS)) == "30 days"


def test_every_topic_has_its_line():
    """Dead letter topics are a column of their topic, not lines of their own."""
    rows = listing.rows(TOPICS, report(group("ingestor")))
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
    assert catalogue.find_plain(name) == TRAIN


def test_an_unknown_topic_is_a_fault_of_the_command_line_and_the_likeliest_is_named():
    """A tail of a topic that does not exist would wait for ever."""
    with pytest.raises(CommandFailed, match=r"did you mean batches\.train") as caught:
        catalogue.find("batch.train")
    assert caught.value.code is ExitCode.USAGE
