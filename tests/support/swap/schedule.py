"""Lay down what happens in a run, from a seed: changes, kills, outages."""

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from readmit_cli.stack.programs import KAFKA, MLFLOW, POSTGRES, S3

OUTAGES = (KAFKA, S3, POSTGRES, MLFLOW)
KILLED_DURING = (KAFKA, S3)  # what a process that starts would ask
CHANGES_IN_OUTAGE = 2
FIRST_CHANGES = 4  # each model becomes champion once before anything breaks
AT_ONCE = 0.15  # share of the changes that are asked for before the one before is served

Kill = Literal["at the swap", "meanwhile"]


class Step(NamedTuple):
    """One change; with `outage` two of them while a program is down."""

    outage: str | None = None
    kill: Kill | None = None
    waits: bool = True
    """Whether the next step waits until this one's change is served by all."""


def schedule(changes: int, kills: int, chance: random.Random) -> Sequence[Step]:
    """Give the steps of a run; raises ValueError when there is no room for so many kills."""
    plain = changes - CHANGES_IN_OUTAGE * len(OUTAGES)
    killing = kills - len(KILLED_DURING)
    if killing < 0 or killing > plain - FIRST_CHANGES:
        raise ValueError(f"{changes} changes have no room for {kills} kills and {len(OUTAGES)} outages")
    moments: list[Kill] = [("at the swap", "meanwhile")[number % 2] for number in range(killing)]
    at = dict(zip(chance.sample(range(FIRST_CHANGES, plain), killing), moments, strict=True))
    steps = [
        Step(kill=at.get(number), waits=number < FIRST_CHANGES or number in at or chance.random() >= AT_ONCE)
        for number in range(plain)
    ]
    for number, program in reversed(list(enumerate(OUTAGES, start=1))):
        place = FIRST_CHANGES + (plain - FIRST_CHANGES) * number // (len(OUTAGES) + 1)
        steps.insert(place, Step(outage=program, kill="meanwhile" if program in KILLED_DURING else None))
    return steps
