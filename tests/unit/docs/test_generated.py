"""Tables of documents that follow from the code."""

from readmit_cli.lag_exporter.metrics import TABLE
from readmit_cli.lag_exporter.settings import LagExporterSettings
from readmit_contracts.topics import TOPICS, Topic
from readmit_runtime.markdown_table import markdown_table
from readmit_runtime.metrics import metrics_table
from readmit_runtime.settings_table import settings_table
from support.generated_text import ROOT, GeneratedText


def test_the_architecture_lists_every_topic(generated: GeneratedText) -> None:
    """Who looks for a message has to find its topic, and who writes it."""
    header = ("Topic", "Key", "Messages", "Written by", "Read by", "Partitions local, production", "Kept")
    table = markdown_table(header, [_row(topic) for topic in TOPICS])
    generated.part(ROOT / "docs" / "architecture.md", "topics", table)


def test_the_lag_exporter_says_what_it_tells_and_what_it_needs(generated: GeneratedText) -> None:
    """Whoever writes an alert looks up the name and the meaning here."""
    document = ROOT / "docs" / "kafka-inspection.md"
    generated.part(document, "lag metrics", metrics_table(TABLE))
    generated.part(document, "lag settings", settings_table(LagExporterSettings))


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
