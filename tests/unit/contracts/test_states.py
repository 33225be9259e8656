import itertools
from enum import StrEnum

import pytest
from readmit_contracts.states import (
    BATCHES,
    JOBS,
    RUNS,
    BatchEvent,
    BatchState,
    JobEvent,
    JobState,
    Machine,
    RunEvent,
    RunState,
)
from support.generated_text import ROOT, GeneratedText
from support.state_tables import state_table

GUARANTEES = ROOT / "docs" / "guarantees.md"
MACHINES = {
    "run": (RUNS, RunState, RunEvent),
    "batch": (BATCHES, BatchState, BatchEvent),
    "training job": (JOBS, JobState, JobEvent),
}
FINAL = {"run": {"completed", "cancelled"}, "batch": {"clean"}, "training job": {"done"}}


@pytest.fixture(params=MACHINES)
def name(request: pytest.FixtureRequest) -> str:
    """Name each machine in turn."""
    return request.param


def moves(machine: Machine) -> set[tuple[StrEnum | None, StrEnum]]:
    """Give the pairs of a state and the one that follows it."""
    after = {(state, machine.after(state, event)) for state, event in machine.entries}
    return {(state, following) for state, following in after if isinstance(following, StrEnum)}


def test_every_pair_of_a_state_and_an_event_has_an_entry(name: str) -> None:
    """What nobody thought of is what happens at night."""
    machine, states, events = MACHINES[name]
    assert set(machine.entries) == set(itertools.product([None, *states], events))


def test_every_state_can_be_reached(name: str) -> None:
    """A state that nothing leads to is a mistake in the table or in the schema."""
    machine, states, _ = MACHINES[name]
    reached: set[StrEnum | None] = {None}
    while new := {following for state, following in moves(machine) if state in reached} - reached:
        reached |= new
    assert reached == {None, *states}


def test_nothing_leads_out_of_a_final_state(name: str) -> None:
    """Others act on an end: they train on a clean batch and promote a finished model."""
    machine, states, _ = MACHINES[name]
    left = {str(state) for state, following in moves(machine) if state is not None and state != following}
    assert {str(state) for state in states} - left == FINAL[name]


def test_the_document_shows_the_table(name: str, generated: GeneratedText) -> None:
    """One table for people and for tests, so that neither can be right alone."""
    machine, _, _ = MACHINES[name]
    generated.part(GUARANTEES, f"states of a {name}", state_table(machine, "not there"))
