"""The AsyncAPI document says of every topic and message what the contracts say."""

import json
from typing import Any

import pytest
from readmit_contracts import envelope
from readmit_contracts.envelope import Envelope
from readmit_contracts.registry import MESSAGES, TYPES, ce_type
from readmit_contracts.topics import EVERY_TOPIC, TOPICS
from support.asyncapi import document
from support.generated_text import ROOT, GeneratedText
from support.message_examples import COMMAND_ID

PATH = ROOT / "docs" / "api" / "asyncapi.json"


@pytest.fixture
def committed() -> dict[str, Any]:
    """Give the document as it is committed."""
    found: dict[str, Any] = json.loads(PATH.read_text())
    return found


def test_the_document_is_what_the_contracts_say(generated: GeneratedText) -> None:
    """Who reads the topics from outside has this document and nothing else."""
    generated.file(PATH, json.dumps(document(), indent=1, ensure_ascii=False) + "\n")


def test_every_topic_and_message_is_in_it(committed: dict[str, Any]) -> None:
    """A topic that is left out is one that nobody outside will find."""
    assert set(committed["channels"]) == {topic.name for topic in EVERY_TOPIC}
    names = {message["name"] for message in committed["components"]["messages"].values()}
    assert set(TYPES) <= names
    carried = {name for topic in TOPICS for name in committed["channels"][topic.name]["messages"]}
    assert {kind.__name__ for kind in MESSAGES} <= carried


def test_every_reference_in_it_leads_somewhere(committed: dict[str, Any]) -> None:
    """A tool that follows one that does not shows nothing at all."""
    missing = [reference for reference in references(committed) if not resolves(committed, reference)]
    assert missing == []


def references(node: Any) -> list[str]:
    """Give every reference in a document."""
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def resolves(node: Any, reference: str) -> bool:
    """Tell whether a reference within the document leads somewhere."""
    for part in reference.removeprefix("#/").split("/"):
        if part not in node:
            return False
        node = node[part]
    return True


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_the_headers_of_a_message_are_those_that_are_sent(committed: dict[str, Any], kind: type) -> None:
    """A reader built from the document must accept what comes."""
    sent = dict(envelope.to_headers(Envelope(id=COMMAND_ID, type=ce_type(kind), source="/test")))
    common, special = committed["components"]["messages"][kind.__name__]["headers"]["allOf"]
    shared = committed["components"]["schemas"][common["$ref"].rpartition("/")[2]]
    assert set(shared["required"]) == set(sent)
    fixed = {name: schema["const"] for name, schema in special["properties"].items()}
    assert fixed.items() <= {name: value.decode() for name, value in sent.items()}.items()
