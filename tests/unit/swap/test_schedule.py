"""A run is laid down by its seed."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from support.swap.schedule import CHANGES_IN_OUTAGE, OUTAGES, Step, schedule


def steps_of(changes: int, kills: int, seed: int = 3) -> Sequence[Step]:
    """Give the steps of a run."""
    return schedule(changes, kills, Random(seed))  # noqa: S311 - test data


@pytest.mark.parametrize(("changes", "kills"), [(50, 5), (200, 20), (12, 2)])
def test_a_run_has_every_change_every_kill_and_each_outage_once(changes: int, kills: int) -> None:
    """What is counted at the end has to be asked for."""
    steps = steps_of(changes, kills)
    assert sum(CHANGES_IN_OUTAGE if step.outage else 1 for step in steps) == changes
    assert sum(step.kill is not None for step in steps) == kills
    assert Counter(step.outage for step in steps if step.outage) == Counter(OUTAGES)


def test_a_seed_is_one_run() -> None:
    """Who saw a fault wants to see it again."""
    assert steps_of(50, 5) == steps_of(50, 5)
    assert steps_of(50, 5) != steps_of(50, 5, seed=4)


def test_more_kills_than_there_is_room_for_are_refused() -> None:
    """A smaller run than was asked for would look like it."""
    with pytest.raises(ValueError, match="no room"):
        steps_of(20, 20)
