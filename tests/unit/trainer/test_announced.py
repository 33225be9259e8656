"""What the topic of promotions says, and what it lacks."""

from uuid import uuid4

import msgspec
import pytest
from readmit_contracts.events import ModelPromoted
from readmit_runtime.messages import IncomingRecord
from support.message_examples import EXAMPLES
from support.trainer_rig import as_delivered
from trainer.promotion.announced import lacks, tails_of

(PROMOTED,) = (message for message in EXAMPLES if isinstance(message, ModelPromoted))


def record(**changes) -> IncomingRecord:
    """Give a promotion as delivered."""
    return as_delivered(msgspec.structs.replace(PROMOTED, **changes), uuid4())


def test_the_highest_epoch_of_each_name_counts():
    """Also when an older one was announced again after it, or something unreadable."""
    unreadable = IncomingRecord("t", 0, 0, b"k", b"{", (), 0)
    tails = tails_of([record(epoch=4), record(epoch=6), unreadable, record(epoch=5), record(model="other", epoch=1)])
    assert {name: tail.epoch for name, tail in tails.items()} == {"readmission": 6, "other": 1}


@pytest.mark.parametrize(("announced", "lacking"), [(None, True), (3, True), (4, False), (7, False)])
def test_a_topic_that_is_ahead_lacks_nothing(announced, lacking):
    """After a restore the database is behind; an older epoch would only mislead."""
    tail = None if announced is None else msgspec.structs.replace(PROMOTED, epoch=announced)
    assert lacks(tail, {"epoch": 4, "model_id": PROMOTED.model_id, "mlflow_version": PROMOTED.version}) is lacking


@pytest.mark.parametrize(
    ("announced", "version", "lacking"), [(None, "7", True), (None, None, False), ("7", "7", False)]
)
def test_a_version_that_came_after_the_announcement_is_announced(announced, version, lacking):
    """A promotion does not wait long for MLflow; answers are to name the version nevertheless."""
    tail = msgspec.structs.replace(PROMOTED, version=announced)
    assert lacks(tail, {"epoch": tail.epoch, "model_id": tail.model_id, "mlflow_version": version}) is lacking
    other = {"epoch": tail.epoch, "model_id": "f" * 64, "mlflow_version": version}
    assert not lacks(tail, other)
