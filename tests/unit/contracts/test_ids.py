from uuid import UUID

import pytest
from readmit_contracts.ids import event_id, prediction_id, run_id

COMMAND = UUID("0b0c4f43-7d6a-4f0e-9a55-3c2f1f6f1a01")


def test_ids_never_change() -> None:
    """They stand in stores and topics; a new release must make the same."""
    assert run_id(COMMAND) == UUID("2089dc0f-7b6f-5b6c-9a82-16c656675207")
    assert event_id("readmit.BatchStored.v1", COMMAND, "train", 0, 1) == UUID("af22b971-17be-564c-b87c-6ab8b6722a66")
    assert _prediction() == UUID("cb8e4098-7843-59c3-b3bf-4c4b63ae0ffe")


def test_every_part_tells_events_apart() -> None:
    """Two events of one id would be taken for one, and the second dropped."""
    ids = {
        event_id("readmit.BatchStored.v1", COMMAND, "train", 1),
        event_id("readmit.BatchCleaned.v1", COMMAND, "train", 1),
        event_id("readmit.BatchStored.v1", COMMAND, "test", 1),
        event_id("readmit.BatchStored.v1", COMMAND, "train", 11),
        event_id("readmit.BatchStored.v1", COMMAND, "train", 1, 1),
        run_id(COMMAND),
    }
    assert len(ids) == 6


def test_a_part_with_a_colon_is_refused() -> None:
    """With one, different parts could read the same."""
    with pytest.raises(ValueError, match=r"BatchStored\.v1 holds a colon"):
        event_id("readmit.BatchStored.v1", "a:b")


def _prediction(
    key: str = "0123456789abcdef", own: str = "a:b", body: str = "ab", model: str = "cd", epoch: int = 3, item: int = 0
) -> UUID:
    return prediction_id(key, own, body, model_id=model, epoch=epoch, item=item)


def test_whatever_a_prediction_depends_on_tells_it_from_others() -> None:
    """A repeat is one prediction; another key, body, model, epoch or place in a batch is another."""
    others = [
        _prediction(key="f" * 16),
        _prediction(own="0:a:b"),
        _prediction(body="ac"),
        _prediction(model="ce"),
        _prediction(epoch=4),
        _prediction(item=1),
    ]
    assert len({_prediction(), *others}) == 1 + len(others)
