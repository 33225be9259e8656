"""Waiting until the predictors serve a promotion."""

import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.models import convergence
from readmit_cli.models.convergence import CONVERGED_WITHIN_S, converged
from readmit_runtime.testing.fake_clock import FakeClock
from support.answers import FakeViews
from support.status_rows import champion, replica

WAITING = champion(replicas_alive=0, replicas_converged=0, convergence="waiting")
CONVERGING = champion(replicas_alive=2, replicas_converged=1, convergence="converging")


async def test_a_promotion_is_done_when_every_living_predictor_serves_it_or_a_later_one():
    """What an operator wants to know is what answers, not what was decided."""
    seen = []
    views = FakeViews(champion=[champion(3), WAITING, CONVERGING, champion(5)])
    done = await converged("readmission", 4, views, FakeClock(), lambda now: seen.append(convergence.shown(now)))
    assert done.epoch == 5
    assert seen[1:] == [
        "no predictor lives; the next one to start will serve it",
        "1 of 2 living predictors serve it",
        "1 of 1 living predictors serve it",
    ]


async def test_the_waiting_ends_and_names_the_predictors_that_are_behind():
    """The promotion stands; a script may ask again later."""
    behind = replica(replica="host-2", epoch=3, load_failure="epoch 4: BUNDLE_SHA256")
    views = FakeViews(champion=[CONVERGING], replicas=[[replica(), behind]])
    clock = FakeClock()
    with pytest.raises(CommandFailed, match=r"not every predictor serves it \(host-2: epoch 4: BUNDLE_SHA256\)") as no:
        await converged("readmission", 4, views, clock, lambda _: None)
    assert no.value.code is ExitCode.UNAVAILABLE
    assert clock.monotonic() >= CONVERGED_WITHIN_S


async def test_without_a_living_predictor_that_is_said():
    """There is nobody to name."""
    with pytest.raises(CommandFailed, match="no living predictor said that it serves it"):
        await converged("readmission", 4, FakeViews(champion=[WAITING], replicas=[[]]), FakeClock(), lambda _: None)


async def test_an_epoch_that_was_never_promoted_is_told_apart_from_predictors_that_are_behind():
    """Waiting for the wrong number is the asker's fault, and no predictor's."""
    views, clock = FakeViews(champion=[champion(3)]), FakeClock()
    with pytest.raises(CommandFailed, match="Epoch 4 of readmission is not promoted, epoch 3 is") as no:
        await converged("readmission", 4, views, clock, lambda _: None, within_s=5)
    assert no.value.code is ExitCode.UNAVAILABLE
    assert 5 <= clock.monotonic() < CONVERGED_WITHIN_S
    with pytest.raises(CommandFailed, match="no model is"):
        await converged("readmission", 4, FakeViews(), FakeClock(), lambda _: None)
