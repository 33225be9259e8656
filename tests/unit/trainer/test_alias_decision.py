"""What is done about MLflow's alias, case by case."""

from uuid import uuid4

import pytest
from readmit_contracts.commands import PromoteModel, RollbackModel
from trainer.alias.decision import AliasView, Ask, Asked, Champion, Leave, Note, PutBack, Write, decide

NEW = Champion(epoch=4, model_id="b" * 64, version="7")


def view(**changes) -> AliasView:
    """Give the view in which all is well; version 7 is the champion's."""
    fields = {
        "model": "readmission",
        "current": "7",
        "current_model_id": NEW.model_id,
        "current_epoch": 4,
        "champion": NEW,
        "written": "7",
        "pending": None,
        "asked": None,
    }
    return AliasView(**(fields | changes))


def asked(outcome, detail=None) -> Asked:
    """Give a command that version 3 became."""
    return Asked(version="3", command_id=uuid4(), outcome=outcome, detail=detail)


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({}, Leave()),
        ({"current": "6", "written": "6"}, Write("7")),
        ({"current": None, "written": None}, Write("7")),
        ({"current": None, "written": "6", "pending": "7"}, Write("7")),
        ({"current": "6", "written": "5", "pending": "6"}, Write("7")),
        ({"written": "6", "pending": "7"}, Note("7")),
        ({"written": "6", "asked": asked("applied")}, Note("7")),
        ({"champion": Champion(epoch=4, model_id="b" * 64, version=None), "current": "3"}, Leave()),
        ({"champion": None, "current": None, "written": None}, Leave()),
    ],
)
def test_the_alias_follows_the_champion(changes, action):
    """Also when a process died between writing and noting it."""
    assert decide(view(**changes)) == action


@pytest.mark.parametrize(
    ("outcome", "action"),
    [
        (None, Leave()),
        ("accepted", Leave()),
        ("applied", Write("7")),
        ("rejected", PutBack("7", "The gate said no.")),
    ],
)
def test_an_asked_version_waits_for_its_commands_outcome(outcome, action):
    """One move is one command: a champion that came after it is not undone by it."""
    moved = view(current="3", current_model_id="a" * 64, current_epoch=2, asked=asked(outcome, "The gate said no."))
    assert decide(moved) == action


def test_a_version_that_was_champion_is_a_rollback_to_its_last_epoch():
    """It passed the gate once; going back must be quick."""
    action = decide(view(current="3", current_model_id="a" * 64, current_epoch=2))
    assert isinstance(action, Ask)
    assert isinstance(action.command, RollbackModel)
    assert (action.command.to_epoch, action.command.expected_epoch, action.command.actor) == (2, 4, "mlflow")


def test_a_version_that_never_was_champion_goes_through_the_gate():
    """A click does not get round it."""
    action = decide(view(current="3", current_model_id="a" * 64, current_epoch=None))
    assert isinstance(action, Ask)
    assert isinstance(action.command, PromoteModel)
    assert (action.command.model_id, action.command.expected_epoch) == ("a" * 64, 4)


def test_the_same_move_is_the_same_command_until_the_champion_changes():
    """A reconciler that dies after publishing asks again, not twice."""
    moved = view(current="3", current_model_id="a" * 64, current_epoch=2)
    later = view(
        current="3",
        current_model_id="a" * 64,
        current_epoch=2,
        champion=Champion(epoch=5, model_id="c" * 64, version="8"),
    )
    assert decide(moved) == decide(moved)
    assert decide(moved).command_id != decide(later).command_id


def test_a_move_made_again_after_it_was_put_back_is_another_command():
    """What stood in its way may be gone; the old refusal must not answer for ever."""
    moved = view(current="3", current_model_id="a" * 64, current_epoch=None, changed="2026-01-01T00:00:00+00:00")
    again = view(current="3", current_model_id="a" * 64, current_epoch=None, changed="2026-01-01T00:00:30+00:00")
    assert decide(moved).command_id != decide(again).command_id


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"current": "3", "current_model_id": None, "current_epoch": None}, "names no model"),
        ({"current": "3"}, "champion's own model"),
        ({"current": None}, "deleted"),
    ],
)
def test_what_nothing_could_follow_is_put_back_with_a_reason(changes, word):
    """Who moved it finds the reason where they moved it."""
    action = decide(view(**changes))
    assert isinstance(action, PutBack)
    assert action.version == "7"
    assert word in action.why


def test_an_alias_set_before_the_first_champion_is_taken_away_when_it_is_refused():
    """There is nothing to put it back to."""
    moved = view(champion=None, written=None, current="3", current_model_id="a" * 64, current_epoch=None)
    action = decide(moved)
    assert isinstance(action, Ask)
    assert action.command.expected_epoch is None
    refused = view(champion=None, written=None, current="3", asked=asked("rejected"))
    assert decide(refused).version is None
