"""Keep generated text in committed files: a test compares it, `pytest --update` writes it anew."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOW = "run the same test with --update, and look at the difference before it is committed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option; it must be known before any test is collected."""
    parser.addoption("--update", action="store_true", help="Write generated text anew instead of comparing it.")


@pytest.fixture
def generated(request: pytest.FixtureRequest) -> "GeneratedText":
    """Give the keeper of generated text."""
    return GeneratedText(update=request.config.getoption("--update"))


class GeneratedText:
    """Compares what a test generates with what is committed; with `update` it writes instead."""

    def __init__(self, *, update: bool) -> None:
        self.updates = update
        """Whether text is written instead of compared."""

    def file(self, path: Path, text: str) -> None:
        """Keep a whole file."""
        self._keep(path, path.read_text() if path.exists() else "", text)

    def part(self, path: Path, name: str, text: str) -> None:
        """Keep what stands between `<!-- generated: name -->` and `<!-- end -->`."""
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        old = path.read_text()
        assert old.count(begin) == 1, f"{path.relative_to(ROOT)} needs {begin.strip()} and {end} once"
        before, _, rest = old.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"{path.relative_to(ROOT)} needs {end} behind {begin.strip()}"
        self._keep(path, old, f"{before}{begin}\n{text}\n{end}{after}")

    def table(self, path: Path, heading: str, text: str) -> None:
        """Keep the first table under a heading of the second level."""
        old = path.read_text()
        section = re.search(rf"^## {heading}\n(?:(?!^## ).*\n)*?(?P<table>(?:^\|.*\n)+)", old, re.MULTILINE)
        assert section, f"{path.relative_to(ROOT)} needs a section {heading} with a table"
        self._keep(path, old, f"{old[: section.start('table')]}{text}{old[section.end('table') :]}")

    def _keep(self, path: Path, old: str, new: str) -> None:
        if self.updates and old != new:
            path.write_text(new)
        elif old != new:
            line = next(
                (
                    number
                    for number, pair in enumerate(zip(old.splitlines(), new.splitlines(), strict=False), 1)
                    if len(set(pair)) > 1
                ),
                min(old.count("\n"), new.count("\n")) + 1,
            )
            pytest.fail(f"{path.relative_to(ROOT)} is not what is generated, from line {line} on; {HOW}", pytrace=False)
