"""Tests of what can be read off the Dockerfiles and their locks; `make images-test` builds and runs them."""

import json
import re
from pathlib import Path

import pytest
from support.containers import IMAGES
from support.generated_text import ROOT

PINNED = re.compile(r"^([a-z0-9.-]+)==([^ ;]+)", re.MULTILINE)
OWN_LOCK = {"mlflow", "loadtest"}  # not part of the workspace


def dockerfile(image: str) -> str:
    """Give an image's Dockerfile."""
    return (ROOT / IMAGES[image] / "Dockerfile").read_text()


def pins(folder: str) -> set[tuple[str, str]]:
    """Give the packages of a lock, each with its version."""
    return set(PINNED.findall((ROOT / folder / "requirements.lock").read_text()))


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_the_same_three_stages_and_runs_as_nobody(image: str) -> None:
    """Who has read one has read all, and what builds is not in what runs."""
    text = dockerfile(image)
    assert re.findall(r"^FROM (\S+) AS (\w+)$", text, re.MULTILINE) == [
        ("${BASE}", "base"),
        ("base", "build"),
        ("base", "runtime"),
    ]
    assert re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE) == [("10001", "10001")]
    commands = re.findall(r"^(?:ENTRYPOINT|CMD) (.*)$", text, re.MULTILINE)
    assert commands
    assert all(isinstance(json.loads(command), list) for command in commands)
    assert re.findall(r"^COPY --from=(\w+) (\S+)", text, re.MULTILINE) == [("build", "/opt/venv")]
    assert "--require-hashes" in text


def test_all_images_stand_on_one_base_pinned_by_digest() -> None:
    """Its layers are stored once on a node, and do not change behind a tag."""
    files = [*(dockerfile(image) for image in IMAGES), (ROOT / "airflow" / "Dockerfile").read_text()]
    [base] = {re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE)[1] for text in files}
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)


@pytest.mark.parametrize("image", sorted(IMAGES.keys() - OWN_LOCK))
def test_an_image_has_the_versions_that_were_tested(image: str) -> None:
    """Locks that are resolved apart drift apart."""
    assert pins(IMAGES[image]) - pins(".") == set()
    assert len(pins(IMAGES[image])) >= 8


def test_the_predictor_has_lightgbm_without_what_only_its_python_package_needs() -> None:
    """It is half of what the image may weigh."""
    names = {name for name, _ in pins(IMAGES["predictor"])}
    assert {"lightgbm", "numpy"} <= names
    assert names.isdisjoint({"asyncpg", "scipy", "narwhals", "pandas", "pyarrow", "scikit-learn"})


def test_the_context_is_what_the_dockerfiles_copy() -> None:
    """A context with the local stack's data in it takes minutes to send, and a secret in it may end in a layer."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    allowed = [Path(line[1:]) for line in ignored if line.startswith("!")]
    copied = {
        Path(source)
        for image in IMAGES
        for source in re.findall(r"^COPY (?!--from)(\S+) ", dockerfile(image), re.MULTILINE)
    }
    outside = [path for path in copied if not any(a == path or a in path.parents or path in a.parents for a in allowed)]
    assert outside == []
