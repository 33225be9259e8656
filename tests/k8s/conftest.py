"""The rendered overlays, once for all tests."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from support.k8s.manifests import OVERLAYS, Manifests, parse, render


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give each overlay as kustomize renders it, as a file."""
    files = {}
    for overlay in OVERLAYS:
        folder = tmp_path_factory.mktemp(overlay)
        files[overlay] = folder / "rendered.yaml"
        files[overlay].write_text(render(overlay, folder))
    return files


@pytest.fixture(scope="session")
def read(rendered: dict[str, Path]) -> dict[str, Manifests]:
    """Give the same, taken apart; not to be changed."""
    return {overlay: parse(overlay, path.read_text()) for overlay, path in rendered.items()}


@pytest.fixture
def own_copy(read: dict[str, Manifests]) -> Callable[[str], Manifests]:
    """Give a copy of an overlay's documents that a test may spoil."""
    return lambda overlay: copy.deepcopy(read[overlay])
