"""Say how many users there are at which moment."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

WARM_UP_S = 3.0
"""After the users of the first stage are there; what it measures is thrown away, but for its failures."""
RAMP_S = 5.0
"""Within which users come and go, unless a shape wants them at once."""


class Stage(NamedTuple):
    """A number of users for some seconds; `at_once` lets them come within a second."""

    users: int
    seconds: float
    at_once: bool = False


class Shape(NamedTuple):
    """The users and the seconds that a shape has unless it is told others, and its stages."""

    users: int
    seconds: float
    stages: Callable[[int, float], tuple[Stage, ...]]


def hold(users: int, seconds: float) -> tuple[Stage, ...]:
    """Stay at one number of users."""
    return (Stage(users, seconds),)


def steps(users: int, seconds: float) -> tuple[Stage, ...]:
    """Go up in five equal steps."""
    return tuple(Stage(users * step // 5, seconds / 5) for step in range(1, 6))


def spike(users: int, seconds: float) -> tuple[Stage, ...]:
    """Have ten times as many users at once for a third of the time, and then as few as before."""
    few = max(1, users // 10)
    return Stage(few, seconds / 3), Stage(users, seconds / 3, at_once=True), Stage(few, seconds / 3)


SHAPES: Mapping[str, Shape] = {
    "smoke": Shape(50, 20.0, hold),
    "hold": Shape(1_000, 60.0, hold),
    "steps": Shape(1_000, 100.0, steps),
    "spike": Shape(1_000, 60.0, spike),
    "soak": Shape(300, 1_800.0, hold),
}
CAPACITY = "capacity"
