"""Which batches a run gets, without a database."""

import pytest
from batch_producer.planning.selection import BatchStatus, planned_rows, select
from readmit_contracts.commands import NextBatches
from readmit_contracts.fields import MAX_BATCHES
from readmit_contracts.reasons import Reason
from readmit_runtime.errors import Rejected


def statuses(*states: str) -> list[BatchStatus]:
    """Give a split's batches in these states; `wanted` is planned, and an active run has it."""
    return [
        BatchStatus(batch=number, rows=15_000, wanted=True)
        if state == "wanted"
        else BatchStatus(batch=number, rows=15_000, state=state)
        for number, state in enumerate(states)
    ]


STORE = {
    "train": statuses("clean", "failed", "planned", "wanted", "planned", "stored", "planned"),
    "validation": statuses("planned"),
    "test": [],
}


def test_all_means_every_batch_whatever_its_state() -> None:
    """A run over what is done completes at once, so there is no reason to leave anything out."""
    assert select({"train": "all"}, STORE) == {"train": (0, 1, 2, 3, 4, 5, 6)}


def test_a_list_is_taken_sorted_and_each_batch_once() -> None:
    """A run wants a set; the order in a command has no meaning."""
    assert select({"train": (6, 0, 6, 3)}, STORE) == {"train": (0, 3, 6)}


def test_next_takes_the_lowest_free_batches() -> None:
    """Free means planned and wanted by no active run: not done, not failed, not under way."""
    assert select({"train": NextBatches(next=2)}, STORE) == {"train": (2, 4)}


def test_next_takes_what_is_left_when_it_is_less() -> None:
    """The last call of a schedule gets the rest instead of an error."""
    assert select({"train": NextBatches(next=50)}, STORE) == {"train": (2, 4, 6)}


def test_a_split_with_nothing_left_is_there_and_empty() -> None:
    """It shows that the split was asked for."""
    assert select({"test": "all", "validation": (0,)}, STORE) == {"validation": (0,), "test": ()}


def test_splits_come_in_one_order_whatever_the_command_says() -> None:
    """Plans of equal commands are equal, and so are the events about them."""
    assert list(select({"test": "all", "train": (0,), "validation": "all"}, STORE)) == ["train", "validation", "test"]


@pytest.mark.parametrize(("asked", "sentence"), [({"train": (2, 7)}, "numbered 0 to 6"), ({"test": (0,)}, "0 batches")])
def test_a_batch_that_does_not_exist_is_refused_by_name(asked: dict[str, tuple[int, ...]], sentence: str) -> None:
    """The sentence says which batch, and what there is instead."""
    with pytest.raises(Rejected, match=sentence) as refused:
        select(asked, STORE)

    assert refused.value.reason == Reason.REFUSED
    assert f"no batch {max(next(iter(asked.values())))} of" in refused.value.detail


def test_a_run_of_more_batches_than_an_event_can_name_is_refused() -> None:
    """Its completion could never be announced."""
    store = {**STORE, "train": statuses(*["planned"] * (MAX_BATCHES + 1))}

    with pytest.raises(Rejected, match=f"{MAX_BATCHES + 1} batches"):
        select({"train": "all"}, store)


def test_a_runs_rows_are_those_of_its_batches() -> None:
    """The last batch of a split is shorter; counting batches would be wrong."""
    store = {**STORE, "validation": [BatchStatus(batch=0, rows=42)]}

    assert planned_rows({"train": (0, 2), "validation": (0,)}, store) == 30_042
