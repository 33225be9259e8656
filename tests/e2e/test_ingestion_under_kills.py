"""Every row once, whatever dies: a run over the whole dataset with its processes killed in the middle of their work."""

import time

import pytest
from support.running_stack import RunningStack, wait_for


def runs(running: RunningStack) -> dict[str, dict]:
    """Give every run by its id; none while the database is away."""
    return {run["run_id"]: run for run in running.finds("ingest", "status") or ()}


def start(running: RunningStack, *selection: str) -> str:
    """Ask for a run and give its id without waiting for it."""
    return running.json("ingest", "start", *selection, "--then", "nothing", "--no-wait")["run_id"]


def completed(running: RunningStack, run_id: str, *, timeout_s: float = 120) -> dict:
    """Wait for a run's end; fails unless it completed."""
    run = wait_for(
        lambda: (
            (found := runs(running).get(run_id)) and found["state"] in ("completed", "failed", "cancelled") and found
        ),
        f"run {run_id} ends",
        timeout_s=timeout_s,
    )
    assert run["state"] == "completed", run
    return run


def completions(running: RunningStack, run_id: str) -> int:
    """Count the events that say so."""
    tail = ("topics", "tail", "readmit.ingestion.events.v1", "--from-beginning", "--no-follow", "--key", run_id)
    try:
        return running.readmit(*tail, "--json").count('"readmit.IngestionCompleted.v1"')
    except AssertionError:
        return 0  # a run needs no Kafka to complete: after a kill it may not be back yet


@pytest.mark.parametrize("program", ["ingestor", "batch-producer", "kafka", "postgres"])
def test_a_killed_process_costs_time_and_never_a_row(emptied: RunningStack, program: str):
    """SIGKILL at any moment of a run: what was done stays done once, the rest is done after the restart."""
    run_id = start(emptied)
    began = time.monotonic()
    for _ in range(2):
        wait_for(lambda: emptied.pid(program), f"{program} runs")
        time.sleep(0.6)
        emptied.kill(program)
    run = completed(emptied, run_id)
    assert run["published"] == run["stored"] == run["planned_rows"]
    emptied.readmit("ingest", "verify", run_id)
    assert wait_for(lambda: completions(emptied, run_id), "the completion is announced") == 1
    assert time.monotonic() - began < 120


def test_two_runs_over_the_same_batches_both_complete_and_nothing_is_twice(emptied: RunningStack):
    """A batch belongs to no run: who wants it shares it."""
    first = start(emptied, "--train", "0,1", "--validation", "all")
    second = start(emptied, "--train", "1,2", "--validation", "0")
    for run_id in (first, second):
        completed(emptied, run_id)
        emptied.readmit("ingest", "verify", run_id)
        assert completions(emptied, run_id) == 1
    batches = {(batch["split"], batch["batch"]): batch for batch in emptied.json("ingest", "status", first)["batches"]}
    assert all(batch["state"] == "clean" for batch in batches.values())


def test_cancelling_one_run_leaves_the_other(emptied: RunningStack):
    """Cancelling ends a run's own streaming and nothing else."""
    emptied.stack.supervisor.stop(["ingestor"], timeout_s=60)  # or both are completed before a person could cancel
    cancelled, other = start(emptied, "--train", "all"), start(emptied, "--test", "all", "--train", "4")
    emptied.readmit("ingest", "cancel", cancelled, "--reason", "not needed")
    emptied.stack.supervisor.start("ingestor")
    completed(emptied, other)
    emptied.readmit("ingest", "verify", other)
    assert runs(emptied)[cancelled]["state"] == "cancelled"


def test_a_reset_is_refused_while_a_run_is_active_and_old_chunks_change_nothing_after_it(emptied: RunningStack):
    """The store is emptied as a whole or not at all; what Kafka still holds belongs to the store that was."""
    emptied.stack.supervisor.stop(["ingestor"], timeout_s=60)
    run_id = start(emptied, "--validation", "all")
    wait_for(lambda: run_id in runs(emptied), "the run is planned")
    emptied.readmit("ingest", "reset", "--reason", "too early", "--yes", expect=1)
    emptied.readmit("ingest", "cancel", run_id, "--reason", "make room")
    emptied.readmit("ingest", "reset", "--reason", "start over", "--yes")
    emptied.stack.supervisor.start("ingestor")
    wait_for(lambda: waiting_chunks(emptied) == 0, "the ingestor has read the old chunks")
    assert all(table["rows"] == 0 for table in emptied.json("status")["store"]["tables"])


def waiting_chunks(running: RunningStack) -> int:
    """Count the chunks that the ingestor has not yet handled."""
    topics = [topic for topic in running.json("topics", "list") if topic["name"].startswith("readmit.batches.")]
    return sum(group["waiting"] for topic in topics for group in topic["lag"])
