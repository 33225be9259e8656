"""The whole system on one screen."""

from datetime import UTC, datetime

from readmit_cli.overview import overview, rendering
from readmit_cli.overview.overview import Overview, StoreOverview
from readmit_cli.stack.prerequisites import Check
from readmit_cli.status_rows import StoreStatus, TableStatus
from rich.console import Console
from support.status_rows import champion, replica

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHAMPION = champion(3, model_id="a1" * 32, replicas_alive=2, convergence="converging")
REPLICA = replica(status="loading", epoch=2)


def store(**changes) -> StoreOverview:
    """Give a store with one filled table."""
    fields = {
        "store": StoreStatus(generation=4, split_rule="s0", reset_at=NOW, schema_revision="0003"),
        "tables": (TableStatus(table_name="raw.train", rows=61_227),),
        "batches": {"train": {"clean": 4, "failed": 1}, "validation": {}, "test": {}},
        "runs": (),
        "champions": (),
        "replicas": (),
    }
    return StoreOverview(**{**fields, **changes})


def printed(found: Overview) -> str:
    """Give the screen."""
    console = Console(width=200)
    with console.capture() as capture:
        for section in rendering.screen(found, NOW):
            console.print(section, markup=False, highlight=False)
    return capture.get()


def test_an_empty_system_says_how_to_begin():
    """The first look of a newcomer."""
    shown = printed(Overview(parts=(), store=store()))
    assert "generation 4" in shown
    assert "4 clean, 1 failed" in shown
    assert "61,227" in shown
    assert "ingest start" in shown
    assert "No model serves yet" in shown


def test_the_champion_is_shown_with_the_replicas_that_have_it():
    """A promotion is done when all that live serve it."""
    shown = printed(Overview(parts=(), store=store(champions=(CHAMPION,), replicas=(REPLICA,))))
    assert "readmission epoch 3, version 7, a1a1a1a1a1a1" in shown
    assert "converging, 1 of 2 living replicas" in shown
    assert "host-1: loading, epoch 2" in shown


def test_a_part_that_is_down_says_why_and_what_to_do():
    """The others are one line."""
    parts = (Check("kafka", "ok", "fine"), Check("ingestor", "failed", "EXITED", "readmit up"))
    shown = printed(Overview(parts=parts, store=store()))
    assert "✓ kafka  ✗ ingestor" in shown
    assert "ingestor: EXITED (readmit up)" in shown
    assert "fine" not in shown


def test_without_a_database_the_rest_is_shown_all_the_same():
    """That is when the screen is needed most."""
    parts = (Check("supervisor", "off", "the stack is down", "readmit up"),)
    found = Overview(parts=parts, store=None, unreachable="Postgres can't be reached")
    assert "Postgres can't be reached" in printed(found)
    assert overview.as_dict(found)["store"] is None
    assert overview.as_dict(found)["parts"][0]["verdict"] == "off"
