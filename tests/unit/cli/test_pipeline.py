"""The demonstration through Airflow: a run is followed to its end, and a red one says why."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from readmit_cli.demonstration.pipeline import DAG, PipelineRun, TaskRun, run_pipeline
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.stack.connections import AirflowConnection
from readmit_runtime.testing.fake_clock import FakeClock

LOGIN = AirflowConnection(url="http://airflow", user="admin", password="secret")
RUN, COMMAND = UUID(int=5), UUID(int=6)
DAGS = f"/api/v2/dags/{DAG}"
RUNS = f"{DAGS}/dagRuns"
DONE = {"task_id": "ingest.train_rows", "state": "success", "start_date": "2026-01-01T00:00:02Z", "duration": 2.5}
FIRST = {"task_id": "prepare", "state": "success", "start_date": "2026-01-01T00:00:01Z", "duration": 0.5}
RED = {"task_id": "train", "state": "failed", "start_date": "2026-01-01T00:00:03Z", "duration": 1.0}
NEVER = {"task_id": "gate", "state": "upstream_failed", "start_date": None, "duration": None}


class Airflow:
    """A network with an Airflow whose run is in these states, one at each look, and ends with these tasks."""

    def __init__(
        self,
        states: list[str],
        tasks: list[dict[str, Any]],
        log: list[dict[str, Any]] | None = None,
        *,
        paused: bool = False,
        unread: int = 0,
    ) -> None:
        self._unread = unread
        self._states = states
        self.asked: list[dict[str, Any]] = []
        self._answers: dict[str, Callable[[], Any]] = {
            "/auth/token": lambda: {"access_token": "token"},
            DAGS: lambda: {"is_paused": paused},
            RUNS: lambda: {"dag_run_id": "r1"},
            f"{RUNS}/r1": lambda: {"state": self._states.pop(0) if len(self._states) > 1 else self._states[0]},
            f"{RUNS}/r1/taskInstances": lambda: {"task_instances": tasks},
            f"{RUNS}/r1/taskInstances/train": lambda: {"try_number": 3},
            f"{RUNS}/r1/taskInstances/train/logs/3": lambda: {"content": log or []},
            f"{RUNS}/r1/taskInstances/ingest.train_rows/xcomEntries/return_value": lambda: {
                "value": {"run_id": str(RUN)}
            },
            f"{RUNS}/r1/taskInstances/promote/xcomEntries/return_value": lambda: {"value": str(COMMAND)},
        }

    def transport(self) -> httpx.MockTransport:
        """Give the network."""

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path != "/auth/token" and request.headers.get("authorization") != "Bearer token":
                return httpx.Response(401, text="who are you?")
            if request.url.path == DAGS and self._unread:
                self._unread -= 1
                return httpx.Response(404, text="no such DAG")
            if request.method == "POST":
                self.asked.append(json.loads(request.content))
            return httpx.Response(200, json=self._answers[request.url.path]())

        return httpx.MockTransport(answer)


async def follow(transport: httpx.AsyncBaseTransport, seen: list[Any] | None = None) -> PipelineRun:
    """Run the pipeline."""
    return await run_pipeline(LOGIN, FakeClock(), (seen if seen is not None else []).append, transport=transport)


async def test_a_green_run_gives_its_tasks_in_their_order_and_what_it_asked_for():
    """The demonstration goes on with what the system has on record of it."""
    airflow, seen = Airflow(["queued", "running", "success"], [NEVER, DONE, FIRST]), []
    done = await follow(airflow.transport(), seen)
    assert airflow.asked[1] == {"logical_date": None, "conf": {"train": "all"}}
    assert [task.task_id for task in done.tasks] == ["prepare", "ingest.train_rows", "gate"]
    assert done.tasks[1] == TaskRun(
        task_id="ingest.train_rows", state="success", start_date="2026-01-01T00:00:02Z", seconds=2.5
    )
    assert (done.run_id, done.promotion_command_id) == (RUN, COMMAND)
    assert done.page == f"http://airflow/dags/{DAG}/runs/r1"
    assert [len(tasks) for tasks in seen] == [0, 3], "a run in the queue has no tasks yet"


async def test_a_dag_whose_file_was_not_read_yet_is_waited_for_and_not_for_ever():
    """Right after a start the list of DAGs is empty."""
    await follow(Airflow(["success"], [DONE], unread=3).transport())
    with pytest.raises(CommandFailed, match="answers 404"):
        await follow(Airflow(["success"], [DONE], unread=1_000).transport())


async def test_a_paused_dag_is_not_waited_for():
    """Its run would stay in the queue for ever."""
    with pytest.raises(CommandFailed, match=r"is paused\. Turn it on at http://airflow/dags"):
        await follow(Airflow(["queued"], [], paused=True).transport())


async def test_a_red_run_says_which_task_and_the_systems_reason():
    """Nobody should have to look for it in Airflow's pages."""
    log = [{"event": "x"}, {"event": "y", "error_detail": [{"exc_value": "Training job 1 failed (FIT_FAILED)."}]}]
    with pytest.raises(CommandFailed, match=r"task train .* is red. Training job 1 failed \(FIT_FAILED\)") as failure:
        await follow(Airflow(["failed"], [DONE, RED, NEVER], log).transport())
    assert f"http://airflow/dags/{DAG}/runs/r1" in str(failure.value)


@pytest.mark.parametrize(("tasks", "said"), [([RED], "does not say why"), ([NEVER], "without a task that failed")])
async def test_a_red_run_without_a_reason_says_so(tasks: list[dict[str, Any]], said: str):
    """A run may be marked failed by hand, or run out of time."""
    with pytest.raises(CommandFailed, match=said):
        await follow(Airflow(["failed"], tasks).transport())


async def test_an_airflow_that_does_not_answer_is_told_from_one_that_refuses():
    """The first passes by itself."""

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(CommandFailed, match="--no-airflow") as failure:
        await follow(httpx.MockTransport(away))
    assert failure.value.code == ExitCode.UNAVAILABLE
    with pytest.raises(CommandFailed, match="answers 403 to POST /auth/token"):
        await follow(httpx.MockTransport(lambda _: httpx.Response(403, text="no")))
