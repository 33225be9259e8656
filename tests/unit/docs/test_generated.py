"""Tables of documents that follow from the code."""

from readmit_contracts.topics import TOPICS, Topic
from readmit_runtime.markdown_table import markdown_table
from support.generated_text import ROOT, GeneratedText


def test_the_architecture_lists_every_topic(generated: GeneratedText) -> None:
    """Who looks for a message has to find its topic, and who writes it."""
    header = ("Topic", "Key", "Messages", "Written by", "Read by", "Partitions local, production", "Kept")
    table = markdown_table(header, [_row(topic) for topic in TOPICS])
    generated.part(ROOT / "docs" / "architecture.md", "topics", table)


def _row(topic: Topic) -> tuple[str, ...]:
    return (
        f"`{topic.name}`",
        topic.key,
        ", ".join(f"`{message.__name__}`" for message in topic.messages),
        ", ".join(topic.writers),
        ", ".join(topic.readers),
        f"{topic.partitions_local}, {topic.partitions_production}",
        "the last of each key" if topic.cleanup == "compact" else f"{topic.retention_days} days",
    )
