"""The whole system on one screen."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from readmit_cli.ingestion.split_progress import by_split
from readmit_cli.overview import overview, rendering
from readmit_cli.overview.alerts import Alert
from readmit_cli.overview.feed import Feed
from readmit_cli.overview.looks import Looks
from readmit_cli.overview.overview import ActiveRun, Overview, StoreOverview
from readmit_cli.stack.prerequisites import Check
from readmit_cli.status_rows import StoreStatus, TableStatus
from readmit_cli.topic_views.lag_view import LagRow
from readmit_runtime.errors import Transient
from readmit_runtime.testing.fake_clock import FakeClock
from rich.console import Console
from support.status_rows import RUN_ID, batch, champion, job, replica, run

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
        "active": (),
        "jobs": (),
        "champions": (),
        "auroc": {},
        "replicas": (),
    }
    return StoreOverview(**{**fields, **changes})


def seen(**changes) -> Overview:
    """Give a system in which all is well, and nothing was done yet."""
    return Overview(**{"at": NOW, "parts": (), "store": store(), "lag": (), "alerts": (), **changes})


def lag(group: str = "ingestor", topic: str = "readmit.batches.train.v1", **changes) -> LagRow:
    """Give a group that is not behind."""
    fields = {"state": "Stable", "members": 1, "waiting": 0, "age_s": 0.0, "partitions": ()}
    return LagRow(group=group, topic=topic, **{**fields, **changes})


def printed(found: Overview, width: int = 200) -> str:
    """Give the screen."""
    console = Console(width=width)
    with console.capture() as capture:
        for section in rendering.screen(found, width):
            console.print(section, markup=False, highlight=False)
    return capture.get()


ALERT = Alert(
    name="PredictorAvailabilityBurnsSlowly",
    severity="warning",
    summary="1.5% of the requests to the predictor fail; the budget of 30 days will not last.",
    since=NOW - timedelta(minutes=3),
    runbook="docs/runbooks/predictor-availability.md",
)
BUSY = seen(
    alerts=(ALERT,),
    parts=tuple(Check(f"part-{number}", "ok", "fine") for number in range(10)),
    store=store(
        runs=(run("streaming", planned_rows=61_227, published=30_000, stored=29_500),),
        active=(
            ActiveRun(
                run_id=RUN_ID,
                splits=by_split(
                    [batch(batch=0, planned_rows=30_000, published=30_000), batch("planned", batch=1, published=0)]
                ),
            ),
        ),
        jobs=(job("running", stage="fitting"),),
        champions=(CHAMPION,),
        auroc={CHAMPION.model_id: {"validation": 0.6712}},
        replicas=(REPLICA,),
    ),
    lag=(
        lag(waiting=7, age_s=3.2),
        lag(topic="readmit.batches.test.v1", waiting=5, age_s=9.0),
        lag("trainer", "readmit.training.commands.v1", members=0),
    ),
)


def test_an_empty_system_says_how_to_begin():
    """The first look of a newcomer."""
    shown = printed(seen())
    assert "generation 4" in shown
    assert "4 clean, 1 failed" in shown
    assert "61,227" in shown
    assert "ingest start" in shown
    assert "No model serves yet" in shown


def test_the_champion_is_shown_with_the_replicas_that_have_it():
    """A promotion is done when all that live serve it."""
    shown = printed(seen(store=store(champions=(CHAMPION,), replicas=(REPLICA,))))
    assert "readmission epoch 3, version 7, a1a1a1a1a1a1" in shown
    assert "converging, 1 of 2 living replicas" in shown
    assert "host-1: loading, epoch 2" in shown


def test_a_part_that_is_down_says_why_and_what_to_do():
    """The others are one line."""
    parts = (Check("kafka", "ok", "fine"), Check("ingestor", "failed", "EXITED", "readmit up"))
    shown = printed(seen(parts=parts))
    assert "✓ kafka  ✗ ingestor" in shown
    assert "ingestor: EXITED (readmit up)" in shown
    assert "fine" not in shown


def test_without_a_database_the_rest_is_shown_all_the_same():
    """That is when the screen is needed most."""
    parts = (Check("supervisor", "off", "the stack is down", "readmit up"),)
    found = seen(parts=parts, store=None, unreachable="Postgres can't be reached")
    assert "Postgres can't be reached" in printed(found)
    assert overview.as_dict(found)["store"] is None
    assert overview.as_dict(found)["parts"][0]["verdict"] == "off"


def test_runs_lag_jobs_and_what_serves_are_on_the_screen():
    """What changes while people watch."""
    shown = printed(BUSY)
    assert "30,000 of 30,100" in shown
    assert "1/2 batches clean" in shown
    assert "running: fitting" in shown
    assert "0.6712 on validation" in shown
    assert "said so 0 s ago" in shown


def test_lag_is_told_by_group_with_the_topics_that_wait():
    """All topics of a group together, and its oldest message."""
    lines = {line.split()[0]: line.split() for line in printed(BUSY).splitlines() if line.strip()}
    assert lines["ingestor"] == ["ingestor", "1", "12", "9.0", "s", "Stable", "batches.train.v1,", "batches.test.v1"]
    assert lines["trainer"] == ["trainer", "0", "0", "Stable"]


def test_eighty_columns_are_enough():
    """Nothing is cut, and no line of a run or group is broken."""
    lines = printed(BUSY, 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "…" in line]
    for whole in (("5a4dfe2c", "30,000 of 61,227"), ("5a4dfe2c", "1/2 batches clean"), ("ingestor", "batches.test.v1")):
        assert any(all(part in line for part in whole) for line in lines), whole


def test_without_kafka_the_lag_says_so_and_the_rest_stays():
    """One part away costs its own section."""
    shown = printed(seen(lag=None, lag_unreachable="Kafka is away; `make up` starts it."))
    assert "lag  Kafka is away; `make up` starts it." in shown
    assert "generation 4" in shown


def test_an_alert_says_how_grave_it_is_since_when_and_where_to_read_on():
    """Nobody looks at a second page for what they should do now."""
    lines = printed(seen(alerts=(ALERT,))).splitlines()
    told = "warning  PredictorAvailabilityBurnsSlowly, since 3 min: docs/runbooks/predictor-availability.md"
    assert lines[lines.index("alerts") + 1 :][:2] == [told, f"  {ALERT.summary}"]
    assert "No alert fires." in printed(seen())


def test_without_prometheus_the_alerts_say_so_in_one_line_and_the_rest_stays():
    """No alerts to read is not the same as no alert, and no reason to call a part down."""
    found = seen(alerts=None, alerts_unreachable="No alerts from here.")
    assert "alerts  No alerts from here." in printed(found).splitlines()
    assert "No alert fires." not in printed(found)
    assert "generation 4" in printed(found)
    assert found.whole


@pytest.mark.parametrize(
    "down",
    [
        {"store": None, "unreachable": "away"},
        {"lag": None, "lag_unreachable": "away"},
        {"parts": (Check("trainer", "failed", "EXITED"),)},
    ],
)
def test_the_system_is_whole_only_with_every_part(down):
    """It is what `readmit status` ends by."""
    assert seen(parts=(Check("airflow", "off", "not asked for"),)).whole
    assert not seen(**down).whole


class StopWatching(Exception):
    """Enough was seen."""


class Part:
    """A part of the system that answers in turn with what it is given; an exception is raised."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.opened = 0

    @asynccontextmanager
    async def connect(self):
        """Open the way to it."""
        self.opened += 1
        yield self.read

    async def read(self):
        """Answer; the last answer stays."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_part_that_comes_back_is_seen_again():
    """Nobody has to start the screen anew, and old figures do not pass for new ones."""
    clock = FakeClock()
    part = Part((), Transient("Kafka is away."), (lag(),))
    looks = Looks(Part(()).connect, Part(store()).connect, part.connect, Part(()).connect, clock)
    shown = []

    def show(found: Overview) -> None:
        shown.append(found)
        if len(shown) > 5:
            raise StopWatching

    with pytest.raises(StopWatching):
        await looks.follow(show, interval_s=2.0)
    states = [found.lag_unreachable is None for found in shown]
    assert (states[0], all(states), states[-1]) == (True, False, True)
    assert all((found.lag is None) == (found.lag_unreachable is not None) for found in shown)
    assert shown[-1].lag == (lag(),)
    assert all(found.store is not None for found in shown)
    assert part.opened == 2
    assert set(clock.slept) == {2.0}


async def test_a_part_that_is_silent_is_called_away():
    """A hung broker must not leave old figures on the screen."""

    @asynccontextmanager
    async def silent():
        yield asyncio.Event().wait

    feed = Feed(silent, limit_s=0.01)
    await feed.look()
    assert feed.found is None
    assert "No answer within 0.01 s" in feed.away


async def test_an_error_that_nobody_expects_ends_the_watch():
    """A bug must not look like a part that is away."""
    fine = (Part(store()).connect, Part(()).connect, Part(()).connect)
    looks = Looks(Part(ValueError("a bug")).connect, *fine, FakeClock())
    with pytest.raises(ValueError, match="a bug"):
        await looks.follow(lambda found: None, interval_s=2.0)
