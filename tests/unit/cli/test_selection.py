"""Which batches the options of `readmit ingest start` ask for."""

import pytest
from readmit_cli.ingestion.selection import SelectionInvalid, parse, requested
from readmit_contracts.commands import NextBatches


@pytest.mark.parametrize(
    ("text", "selection"),
    [("all", "all"), ("0", (0,)), ("2,0,2", (0, 2)), (" 1 , 3 ", (1, 3)), ("next:2", NextBatches(next=2))],
)
def test_each_form_of_a_selection_is_read(text, selection):
    """A list is what the ledger makes of it anyway: ascending, each batch once."""
    assert parse(text) == selection


@pytest.mark.parametrize(
    "text",
    ["", "none", "-1", "1,,2", "1.5", "0x1", "\u0661", "next:", "next:0", "next:-1", "next:2001", "100000", "1;2"],
)
def test_what_names_no_batches_is_refused_before_anything_is_published(text):
    """A misread selection would stream other rows than were meant."""
    with pytest.raises(SelectionInvalid):
        parse(text)


def test_without_any_selection_all_batches_are_asked_for():
    """The plain command brings in the dataset."""
    assert requested({"train": None}) == {"train": "all", "validation": "all", "test": "all"}


def test_with_one_split_selected_the_others_are_left_out():
    """Naming a split must not bring in the rest as well."""
    assert requested({"train": None, "validation": "next:1", "test": None}) == {"validation": NextBatches(next=1)}
