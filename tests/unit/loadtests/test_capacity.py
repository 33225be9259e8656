"""The search finds the most users that hold, and says when it was not the limits that ended it."""

import pytest
from readmit_load.capacity import Search


def searched(search: Search, holds: int) -> list[int]:
    """Search a system that holds up to so many users; give what was tried."""
    tried = []
    while (users := search.users) is not None:
        tried.append(users)
        assert len(tried) < 200, tried
        search.tell(held=users <= holds, rate=users * 0.95)
    return tried


@pytest.mark.parametrize("holds", [1, 2, 3, 19, 20, 137, 999, 1_000, 4_321])
def test_it_finds_the_figure_within_its_tolerance_whatever_that_is(holds: int) -> None:
    """And never one that did not hold."""
    search = Search(first=16, most=20_000, repeats=3, tolerance=0.05)
    searched(search, holds)
    for held in search.found:
        assert held.users <= holds
        assert holds - held.users <= max(1, 0.06 * holds)
        assert held.rate == held.users * 0.95
    assert not search.open_ended


def test_it_goes_up_by_steps_before_it_bisects() -> None:
    """The way up shows where the limits break."""
    assert searched(Search(first=100, most=20_000, repeats=1), 1_000)[:5] == [100, 200, 400, 800, 1600]


def test_nothing_that_holds_is_a_figure_of_zero() -> None:
    """One user may be too many."""
    search = Search(first=100, most=1_000, repeats=2)
    searched(search, 0)
    assert [held.users for held in search.found] == [0, 0]


def test_it_says_when_no_more_users_were_allowed() -> None:
    """The figure is a lower bound then."""
    search = Search(first=100, most=500, repeats=2)
    searched(search, 10_000)
    assert search.open_ended
    assert search.median().users == 500


def test_no_more_users_are_tried_than_were_allowed() -> None:
    """Somebody has a reason for the bound."""
    search = Search(first=100, most=50, repeats=1)
    assert searched(search, 10_000) == [50]
    assert search.open_ended


def test_a_repeat_may_find_more_than_the_one_before() -> None:
    """A spread that can only shrink is no spread."""
    search = Search(first=100, most=20_000, repeats=2)
    while (users := search.users) is not None:
        holds = 500 if not search.found else 900
        search.tell(held=users <= holds, rate=0.0)
    low, high = (held.users for held in search.found)
    assert low <= 500 < high <= 900
