"""A service's README says what the service is: the generated parts, and which topics it reads and writes."""

import importlib
import re
from pathlib import Path

import pytest
from readmit_contracts.topics import TOPICS
from readmit_runtime.metrics import metrics_table
from readmit_runtime.settings import ServiceSettings
from readmit_runtime.settings_table import settings_table
from support.generated_text import ROOT, GeneratedText
from support.scraped import table_of

SECTIONS = ["Does", "Reads", "Writes", "Settings", "Metrics", "When it breaks"]
README_OF = {path.parent.name: path for path in sorted(ROOT.glob("services/*/README.md"))}


@pytest.fixture(params=README_OF)
def service(request: pytest.FixtureRequest) -> str:
    """Give each service that has a README in turn."""
    return request.param


def test_a_readme_has_its_sections_in_their_order(service: str) -> None:
    """Who is woken at night knows where to look in any of them."""
    found = re.findall(r"^## (.+)$", README_OF[service].read_text(), re.MULTILINE)
    assert found == SECTIONS


def test_a_readme_has_the_settings_as_they_are(service: str, generated: GeneratedText) -> None:
    """A table kept by hand is wrong by the second change."""
    generated.table(README_OF[service], "Settings", settings_table(settings_of(service)))


def test_a_readme_has_the_metrics_as_they_are(service: str, generated: GeneratedText) -> None:
    """The meaning of a metric is needed when there is no time to read code."""
    generated.table(README_OF[service], "Metrics", metrics_table(table_of(service)))


def test_a_readme_names_the_topics_that_its_service_reads_and_writes(service: str) -> None:
    """The topic table decides; a README that forgets a topic hides a dependency."""
    reads = {topic.name for topic in TOPICS if service in topic.readers}
    writes = {topic.name for topic in TOPICS if service in topic.writers}
    assert reads - named(README_OF[service], "Reads") == set()
    assert writes - named(README_OF[service], "Writes") == set()


def settings_of(service: str) -> type[ServiceSettings]:
    """Give the service's settings class: the one with its prefix."""
    module = importlib.import_module(f"{service}.settings")
    prefix = f"READMIT_{service.upper()}_"
    [found] = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, ServiceSettings)
        and kind.model_config.get("env_prefix") == prefix
    ]
    return found


def named(readme: Path, section: str) -> set[str]:
    """Give the topics that a section names."""
    text = readme.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    names: list[str] = []
    for name in re.findall(r"`((?:readmit)?\.[a-z.]+\.v\d+)`", text):
        # of topics that differ in one word, those after the first may be given by it: `.test.v1`
        names.append(names[-1].rsplit(".", 2)[0] + name if name.startswith(".") else name)
    return set(names)
