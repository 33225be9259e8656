"""What linters for these kinds of files say, over all files of the kind that the repository has."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.generated_text import ROOT
from support.k8s.manifests import OVERLAYS, TOOLS

Say = Callable[[str], None]
YAML = ("k8s", "observability/**/*.yaml", "observability/**/*.yml", "*compose*.yaml", "*compose*.yml")
# What is sourced is looked into as well; below a warning there are hints, which doubt what is meant.
SHELL = ("--external-sources", "--source-path=SCRIPTDIR", "--source-path=local/install", "--severity=warning")


def committed(*patterns: str) -> list[str]:
    """Give the files that git knows, or would take, under these patterns."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert listed, f"no files under {patterns}"
    return [name for name in listed if (ROOT / name).is_file()]


def says_nothing(tool: str, *arguments: str | Path) -> None:
    """Run a tool; fail with what it says."""
    done = subprocess.run([TOOLS / tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_yaml_is_in_order(checked: Say) -> None:
    """A key that stands twice is taken silently."""
    files = [name for name in committed(*YAML) if name.endswith((".yaml", ".yml"))]
    says_nothing("yamllint", "--strict", *files)
    checked(f"{len(files)} YAML files")


def test_shell_scripts_are_in_order(checked: Say) -> None:
    """They run where nobody looks."""
    files = committed("*.sh", ".ci/run")
    says_nothing("shellcheck", *SHELL, *files)
    checked(f"{len(files)} shell scripts")


def test_dockerfiles_are_in_order(checked: Say) -> None:
    """Unpinned packages and shells without pipefail make images that differ from day to day."""
    files = committed("*Dockerfile")
    says_nothing("hadolint", *files)
    checked(f"{len(files)} Dockerfiles")


def test_compose_files_are_understood(checked: Say) -> None:
    """By Compose itself; what the example's environment leaves open stays open."""
    files = committed("*compose.yaml", "*compose.yml")
    for file in files:
        says_nothing("docker-compose", "--file", file, "config", "--quiet", "--no-interpolate")
    checked(f"{len(files)} compose files")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_checkov_has_no_objection(rendered: dict[str, Path], overlay: str, checked: Say) -> None:
    """Its rules are others' experience; those not followed are listed with their reasons."""
    command = [TOOLS / "checkov", "--config-file", ROOT / "local" / "k8s" / "checkov.yaml", "--file", rendered[overlay]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"Passed checks: ([0-9]+), Failed checks: 0", done.stdout)
    assert counts, done.stdout + done.stderr
    checked(f"checkov {overlay}: {counts[1]} passed")
