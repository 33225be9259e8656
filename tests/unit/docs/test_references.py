"""What the documents name exists: tests, modules, files, topics, tables, commands."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
import typer
from readmit_cli.app import build
from readmit_contracts.topics import TOPICS, dead_letter
from support.generated_text import ROOT

_WRITTEN = ("*.md", "docs/**/*.md", "services/*/README.md", "airflow/README.md")
_IMPORTED = ("packages/*/src/*", "services/*/src/*", "airflow/plugins/readmit_airflow")
DOCUMENTS = sorted(path for pattern in _WRITTEN for path in ROOT.glob(pattern))
PACKAGES = {path.name: path for pattern in _IMPORTED for path in ROOT.glob(pattern) if path.is_dir()}
GUARANTEES = ROOT / "docs" / "guarantees.md"
SCHEMAS = "clean|ingest|predictions|raw|status|training"
TOPIC_NAMES = {topic.name for plain in TOPICS for topic in (plain, dead_letter(plain))}

_CODE = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request: pytest.FixtureRequest) -> Path:
    """Give each document in turn."""
    return request.param


def named(document: Path, pattern: str) -> list[re.Match[str]]:
    """Give what a document sets in code and what is wholly of this form."""
    spans = _CODE.findall(_FENCE.sub("", document.read_text()))
    return [found for span in spans if (found := re.fullmatch(pattern, span))]


@cache
def functions_of(path: Path) -> frozenset[str]:
    """Give the names of the functions of a test module."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions))


def test_every_test_that_is_named_exists(document: Path) -> None:
    """A promise whose proof was renamed or removed has no proof."""
    missing = [
        found[0]
        for found in named(document, r"((?:airflow/)?tests/[\w/]+\.py)::(\w+)")
        if not (ROOT / found[1]).is_file() or found[2] not in functions_of(ROOT / found[1])
    ]
    assert missing == []


def test_every_numbered_part_of_the_guarantees_names_its_proof() -> None:
    """A promise without a test is a wish."""
    parts = re.split(r"^## (?=\d+\. )", GUARANTEES.read_text(), flags=re.MULTILINE)[1:]
    assert [part.partition("\n")[0] for part in parts if "::test_" not in part.partition("\n## ")[0]] == []
    assert len(parts) > 1


def test_every_module_that_is_named_exists(document: Path) -> None:
    """Who audits a promise has to find its lines."""
    modules = [found for found in named(document, r"([a-z_]+)((?:\.[a-z_]+)+)") if found[1] in PACKAGES]
    missing = [
        found[0]
        for found in modules
        if not (path := PACKAGES[found[1]].joinpath(*found[2].split(".")[1:])).is_dir()
        and not path.with_suffix(".py").is_file()
    ]
    assert missing == []


def test_every_file_that_is_named_exists(document: Path) -> None:
    """A path is for following."""
    roots = "packages|services|migrations|local|tests|docs|benchmarks|airflow|k8s"
    paths = [found[0] for found in named(document, rf"(?:{roots})/[\w./*-]+")]
    assert [path for path in paths if not any(ROOT.glob(path.rstrip("/")))] == []


def test_every_link_leads_somewhere(document: Path) -> None:
    """Files move; links into them don't."""
    assert [link for link in links(document) if not leads_somewhere(document, link)] == []


def links(document: Path) -> Iterator[str]:
    """Give the targets of a document's links within the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", document.read_text())):
        if not target.startswith(("http://", "https://")):
            yield target


def leads_somewhere(document: Path, link: str) -> bool:
    """Tell whether the file is there, and the heading in it."""
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    if not target.exists():
        return False
    return not anchor or anchor in {
        anchor_of(heading) for heading in re.findall(r"^#+ (.+)$", target.read_text(), re.M)
    }


def anchor_of(heading: str) -> str:
    """Give the anchor of a heading as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_topic_that_is_named_exists(document: Path) -> None:
    """A name in a document is copied into a consumer."""
    assert {found[0] for found in named(document, r"readmit\.[a-z.]+\.v\d+(?:\.dlq)?")} - TOPIC_NAMES == set()


def test_every_table_that_is_named_exists(document: Path) -> None:
    """A name in a document is copied into a query."""
    schema = (ROOT / "migrations" / "schema.sql").read_text()
    relations = set(re.findall(rf"^CREATE (?:TABLE|VIEW|FUNCTION) ((?:{SCHEMAS})\.\w+)", schema, re.MULTILINE))
    assert {found[0] for found in named(document, rf"(?:{SCHEMAS})\.\w+")} - relations == set()


def test_every_target_of_make_that_is_named_exists(document: Path) -> None:
    """The first thing a newcomer types is copied from a document."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {found[1] for found in named(document, r"make ([a-z0-9-]+)")} - targets == set()


def test_every_command_that_is_named_exists(document: Path) -> None:
    """The second thing, too."""
    missing = [
        found[0] for found in named(document, r"readmit ([a-z]+(?: [a-z-]+)?)(?: .*)?") if not is_command(found[1])
    ]
    assert missing == []


def is_command(words: str) -> bool:
    """Tell whether these words are a command of `readmit`, or one with its argument."""
    command: click.Command = typer.main.get_command(build())
    for word in words.split():
        if not hasattr(command, "commands"):
            return True
        if word not in command.commands:
            return False
        command = command.commands[word]
    return True
