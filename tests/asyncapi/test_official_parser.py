"""The AsyncAPI document, as AsyncAPI's own parser reads it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from readmit_contracts.topics import EVERY_TOPIC
from support.generated_text import ROOT

DOCUMENT = ROOT / "docs" / "api" / "asyncapi.json"
CHECK = ROOT / ".local" / "asyncapi" / "check.mjs"

Document = dict[str, Any]


def parsed(path: Path) -> "subprocess.CompletedProcess[str]":
    """Let the parser read a document."""
    return subprocess.run(["node", CHECK, path], capture_output=True, text=True, check=False)


def test_the_parser_finds_no_fault_in_the_document() -> None:
    """Every tool that reads AsyncAPI begins with this one, or with its rules."""
    done = parsed(DOCUMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{len(EVERY_TOPIC)} channels")


def _schema_of_no_type(document: Document) -> None:
    document["components"]["schemas"]["CancelIngestion"]["properties"]["reason"]["type"] = "text"


def _unknown_member(document: Document) -> None:
    document["channels"]["readmit.ingestion.commands.v1"]["adress"] = "x"


def _reference_to_nothing(document: Document) -> None:
    document["components"]["messages"]["TrainModel"]["payload"]["$ref"] = "#/components/schemas/Nothing"


@pytest.mark.parametrize("plant", [_schema_of_no_type, _unknown_member, _reference_to_nothing])
def test_a_planted_fault_is_found(tmp_path: Path, plant: Callable[[Document], None]) -> None:
    """A check that finds nothing anywhere would be no check."""
    document = json.loads(DOCUMENT.read_text())
    plant(document)
    broken = tmp_path / "asyncapi.json"
    broken.write_text(json.dumps(document))
    done = parsed(broken)
    assert done.returncode == 1, done.stdout
    assert done.stdout.startswith("error ")
