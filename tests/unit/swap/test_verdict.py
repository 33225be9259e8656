"""The swap test can fail: each fault that it looks for is found where there is one, and nowhere else."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from readmit_cli.model_rows import PromotionStatus
from support.swap.contenders import Contender
from support.swap.drive import Outage
from support.swap.fleet import Life
from support.swap.load import Answer
from support.swap.verdict import Run, judge, percentile

MODELS = ("aa" * 32, "bb" * 32)
CONTENDERS = (Contender(MODELS[0], 0.6, (0.1, 0.2)), Contender(MODELS[1], 0.7, (0.3, 0.4)))
EVERY_S = 10.0  # from one promotion to the next; the first one is at 0
SERVED_AFTER_S = 1.0
EPOCHS = 4


def promotion(epoch: int) -> PromotionStatus:
    """Give the record of an epoch; the models take turns."""
    return PromotionStatus(
        model="readmission",
        epoch=epoch,
        model_id=MODELS[epoch % 2],
        version="1",
        kind="promotion" if epoch % 2 else "rollback",
        command_id=UUID(int=epoch),
        decision_id=None,
        replaces_epoch=None,
        replaces_model_id=None,
        actor="test",
        reason="test",
        promoted_at=datetime.fromtimestamp((epoch - 1) * EVERY_S, tz=UTC),
    )


def answer(replica: str, epoch: int, at: float, *, life: int = 0) -> Answer:
    """Give a right answer."""
    contender = CONTENDERS[epoch % 2]
    return Answer(replica, life, at - 0.01, at, epoch, contender.model_id, 0, contender.expected[0])


def life(replica: str, *, number: int = 0, ready_at: float = 5.0, killed_at: float | None = None) -> Life:
    """Give a process without one."""
    return Life(replica, number, predictor=None, ready_at=ready_at, killed_at=killed_at)


def in_turn(replica: str, *, life: int = 0, epochs: range = range(1, EPOCHS + 1)) -> list[Answer]:
    """Give an answer by each epoch, a moment after its promotion, and one more in the middle of its time."""
    return [
        answer(replica, epoch, (epoch - 1) * EVERY_S + after_s, life=life)
        for epoch in epochs
        for after_s in (SERVED_AFTER_S, EVERY_S / 2)
    ]


def whole_run() -> Run:
    """Give a run without a fault: two replicas, one of which was killed at 24 s and was back at 27 s."""
    return Run(
        seed=1,
        changes=EPOCHS - 1,
        kills=1,
        contenders=CONTENDERS,
        on_record=[promotion(epoch) for epoch in range(EPOCHS, 0, -1)],
        lives=[life("a"), life("b", killed_at=24.0), life("b", number=1, ready_at=27.0)],
        outages=[],
        answers=[*in_turn("a"), *in_turn("b", epochs=range(1, 3)), *in_turn("b", life=1, epochs=range(4, 5))],
        answered=14,
        failed=[],
        cut=1,
        load_averages=[1.0],
        whole=True,
    )


def changed(at: int, **fields: object) -> Callable[[Run], Run]:
    """Give the change of one answer."""

    def change(run: Run) -> Run:
        answers = list(run.answers)
        answers[at] = answers[at]._replace(**fields)
        return replace(run, answers=answers)

    return change


def without(epoch: int, replica: str) -> Callable[[Run], Run]:
    """Give the loss of a replica's answers from an epoch on."""
    return lambda run: replace(run, answers=[a for a in run.answers if a.replica != replica or a.epoch < epoch])


def test_a_run_as_it_should_be_passes() -> None:
    """The other cases here are this one with one thing changed."""
    verdict = judge(whole_run())
    assert verdict.faults == []
    assert verdict.line.startswith("PASS: 1 promotions, 2 rollbacks; 1 kills; ")
    assert "3 changes served by all after p50 1.0 s, p99 1.0 s" in verdict.line


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (changed(0, probability=math.nextafter(0.3, 1)), "wrong answers"),
        (changed(0, probe=1), "wrong answers"),
        (changed(0, model_id=MODELS[0], probability=0.1), "wrong answers"),
        (changed(2, epoch=99), "wrong answers"),
        (changed(7, epoch=2, model_id=MODELS[0], probability=0.1), "earlier epoch"),
        (changed(-1, epoch=1, model_id=MODELS[1], probability=0.3), "earlier epoch"),
        (changed(4, ended=23.1), "1 of 100 changes took 3.1 s"),
        (without(4, "a"), "changes never served"),
        (lambda run: replace(run, failed=["503"]), "requests failed"),
        (lambda run: replace(run, on_record=run.on_record[1:]), "2 of 3 changes are on record"),
        (lambda run: replace(run, kills=2), "1 of 2 processes were killed"),
        (lambda run: replace(run, outages=[Outage("kafka", 100, 110, 10, 0)]), "while kafka was down"),
        (lambda run: replace(run, answers=[]), "changes never served"),
        (lambda run: replace(run, whole=False), "did not come to its end"),
    ],
    ids=[
        "one bit",
        "another encounter's answer",
        "another model's answer",
        "an epoch that was never promoted",
        "an epoch back",
        "an epoch back after a restart",
        "slow",
        "never",
        "a refusal",
        "a change too few",
        "a kill too few",
        "silence in an outage",
        "silence",
        "an early end",
    ],
)
def test_each_fault_is_found(spoil: Callable[[Run], Run], fault: str) -> None:
    """A check that can't fail proves nothing."""
    verdict = judge(spoil(whole_run()))
    assert verdict.line.startswith("FAIL: ")
    assert any(fault in one for one in verdict.faults), verdict.faults


def test_answers_under_way_at_the_same_time_have_no_order() -> None:
    """A batch that began before the swap may end after an answer by the new model."""
    run = whole_run()
    late = answer("a", 1, 11.5)._replace(began=10.9)
    assert judge(replace(run, answers=[*run.answers, late])).faults == []


def test_who_was_killed_before_it_served_a_change_does_not_count_for_it() -> None:
    """A dead process can't serve, and the one after it is not ready yet."""
    run = whole_run()
    answers = [a for a in run.answers if (a.replica, a.epoch) != ("b", 2)]
    lives = [life("a"), life("b", killed_at=10.5), life("b", number=1, ready_at=27.0)]
    assert judge(replace(run, answers=answers, lives=lives)).faults == []


def test_a_change_that_an_outage_delayed_is_counted_apart() -> None:
    """The promise is for when everything is there; afterwards it has to be served all the same."""
    run = changed(4, began=28.0, ended=28.5)(whole_run())
    answers = [a for a in run.answers if (a.replica, a.began, a.epoch) != ("a", 24.99, 3)]
    outages = [Outage("kafka", 19.0, 29.0, 8.0, 100)]
    verdict = judge(replace(run, answers=answers, outages=outages))
    assert verdict.faults == []
    assert "2 changes served by all after" in verdict.line
    assert "1 in outages, at most 8.5 s" in verdict.line


def test_a_percentile_is_one_of_the_values() -> None:
    """Nearest rank: of few values the largest one decides."""
    values = [float(number) for number in range(1, 201)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values[:50], 0.99)) == (100, 198, 50)
    assert percentile([], 0.99) == math.inf
