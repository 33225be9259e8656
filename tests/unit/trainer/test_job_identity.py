"""When two training jobs are the same."""

from uuid import uuid4

import msgspec
import pytest
from readmit_contracts.reasons import Reason
from support.message_examples import batch
from trainer.job_identity import job_id, method_sha256, not_trainable
from trainer.recipe import baseline

SET = (batch("train", 0), batch("train", 1), batch("validation", 0), batch("test", 0))
METHOD = method_sha256(baseline(), {"lightgbm": "4.6.0"})


def identity(**changes) -> object:
    """Give the id of a job."""
    return job_id(**({"model": "readmission", "training_set": SET, "method": METHOD, "force": None} | changes))


def test_the_order_of_batches_and_the_test_rows_do_not_matter():
    """Neither decides a byte of the model."""
    assert identity() == identity(training_set=tuple(reversed(SET))) == identity(training_set=SET[:3])


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "other"},
        {"training_set": SET[1:]},
        {"training_set": (msgspec.structs.replace(SET[0], sha256="0" * 64), *SET[1:])},
        {"method": method_sha256(baseline(), {"lightgbm": "4.7.0"})},
        {"method": method_sha256(baseline(threads=3), {"lightgbm": "4.6.0"})},
        {"method": method_sha256(msgspec.structs.replace(baseline(), seed=2), {"lightgbm": "4.6.0"})},
        {"force": uuid4()},
    ],
)
def test_whatever_the_result_depends_on_makes_another_job(changes):
    """Else a job would bear the name of what it is not."""
    assert identity(**changes) != identity()


@pytest.mark.parametrize(
    ("training_set", "reason"),
    [
        (SET, None),
        ((), Reason.NO_TRAINING_ROWS),
        (SET[2:], Reason.NO_TRAINING_ROWS),
        ((batch("train", rows=0), SET[2]), Reason.NO_TRAINING_ROWS),
        (SET[:2], Reason.NO_VALIDATION_ROWS),
        ((*SET[:2], SET[3]), Reason.NO_VALIDATION_ROWS),
    ],
)
def test_a_set_without_rows_of_a_kind_is_known_beforehand(training_set, reason):
    """Nobody has to wait for a worker to hear it."""
    found = not_trainable(training_set)
    assert (found[0] if found else None) == reason
