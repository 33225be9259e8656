"""Judge what was answered against what was promoted: by which model, in which order, how soon."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from support.swap.contenders import Contender
from support.swap.fleet import Life
from support.swap.load import Answer

NEVER = math.inf


class Served(NamedTuple):
    """An epoch: when it was promoted on record, and when the last replica served it; seconds since 1970."""

    epoch: int
    promoted_at: float
    served_at: float


def wrong_answers(
    answers: Iterable[Answer], promoted: Mapping[int, str], contenders: Sequence[Contender]
) -> list[Answer]:
    """Give the answers by another model than their epoch's, or with other bits than that model gives offline."""
    expected = {contender.model_id: contender.expected for contender in contenders}
    return [
        answer
        for answer in answers
        if promoted.get(answer.epoch) != answer.model_id
        or answer.probability.hex() != expected[answer.model_id][answer.probe].hex()
    ]


def gone_back(answers: Iterable[Answer]) -> list[Answer]:
    """Give the answers by a lower epoch than one that the same replica had answered by before they were asked for.

    This goes across the replica's processes: who starts with what the one before kept must not be behind it.
    """
    by_replica = defaultdict(list)
    for answer in answers:
        by_replica[answer.replica].append(answer)
    return [answer for own in by_replica.values() for answer in _gone_back(own)]


def _gone_back(answers: Sequence[Answer]) -> Iterator[Answer]:
    ended = sorted(answers, key=lambda answer: answer.ended)
    highest, seen = 0, 0
    for answer in sorted(answers, key=lambda answer: answer.began):
        while ended[seen].ended <= answer.began:
            highest = max(highest, ended[seen].epoch)
            seen += 1
        if answer.epoch < highest:
            yield answer


def served(promoted_at: Mapping[int, float], lives: Sequence[Life], answers: Iterable[Answer]) -> list[Served]:
    """Give for each epoch when the last replica of those that lived through it answered by it or by a higher one.

    Those lived through it that were ready before the promotion and not killed before they served it. One of them that
    never served it makes it NEVER. An epoch that nobody lived through is left out.
    """
    first = _first_answers(answers)
    found = []
    for epoch, at in promoted_at.items():
        moments = []
        for life in lives:
            rises = first[life.replica, life.number]
            place = bisect_left(rises, epoch, key=lambda rise: rise[0])
            moment = rises[place][1] if place < len(rises) else NEVER
            if life.ready_at <= at and (moment < NEVER or life.killed_at is None):
                moments.append(moment)
        if moments:
            found.append(Served(epoch, at, max(moments)))
    return found


def _first_answers(answers: Iterable[Answer]) -> Mapping[tuple[str, int], list[tuple[int, float]]]:
    """Give for each process the epochs by which it answered, rising, and when it first did."""
    rises: dict[tuple[str, int], list[tuple[int, float]]] = defaultdict(list)
    for answer in sorted(answers, key=lambda answer: answer.ended):
        own = rises[answer.replica, answer.life]
        if not own or answer.epoch > own[-1][0]:
            own.append((answer.epoch, answer.ended))
    return rises
