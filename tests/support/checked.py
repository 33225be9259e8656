"""Let tests say what they checked; the last line of the run has it."""

from collections.abc import Callable

import pytest

CHECKED = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def checked(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Give a way to say what was checked."""
    return request.config.stash.setdefault(CHECKED, []).append


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say it."""
    if counts := config.stash.get(CHECKED, []):
        print("checked: " + ", ".join(counts))  # noqa: T201 - the last word of a run
