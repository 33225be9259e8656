"""The command refuses what makes no run before it starts a stack."""

import subprocess
import sys

import pytest
from support.generated_text import ROOT


@pytest.mark.parametrize(
    ("program", "option", "value"),
    [
        ("run.py", "--shape", "bogus"),
        ("run.py", "--scenario", "fire"),
        ("run.py", "--replicas", "0"),
        ("run.py", "--seconds", "-1"),
        ("compare.py", "--rounds", "0"),
        ("compare.py", "--api", "bento"),
    ],
)
def test_what_makes_no_run_is_named_and_ends_with_1(program: str, option: str, value: str) -> None:
    """2 would say that a limit was missed, and 0 replicas would be as many as usual."""
    words = [sys.executable, ROOT / "loadtests" / program, option, value]
    path = f"{ROOT / 'tests'}:{ROOT / 'loadtests'}:{ROOT / 'benchmarks'}"
    ended = subprocess.run(words, env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False)
    last = ended.stderr.strip().splitlines()[-1]
    assert (ended.returncode, last.startswith(f"CANNOT BEGIN: argument {option}: "), value in last) == (1, True, True)
