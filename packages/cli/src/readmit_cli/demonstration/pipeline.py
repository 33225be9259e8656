"""Run Airflow's readmission_pipeline over its REST interface, and follow its tasks to the end."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal
from uuid import UUID

import httpx
import msgspec
from readmit_runtime.clock import Clock
from readmit_runtime.deadline import Deadline

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.stack.connections import AirflowConnection

DAG = "readmission_pipeline"
POLL_S = 0.5
ANSWER_S = 15.0
READ_WITHIN_S = 60.0  # after a start, Airflow reads the DAGs' files within some seconds
ENDED = ("success", "failed")


class TaskRun(msgspec.Struct, frozen=True, kw_only=True):
    """One task of a run; `seconds` is from its start to its end, None while it has none."""

    task_id: str
    state: str | None
    start_date: str | None = None
    seconds: float | None = msgspec.field(name="duration", default=None)


class PipelineRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that ended green: its page, its tasks in the order of their start, and what it asked the system for."""

    page: str
    tasks: tuple[TaskRun, ...]
    run_id: UUID
    promotion_command_id: UUID


OnTasks = Callable[[Sequence[TaskRun]], None]
"""Hears of the tasks at each look; there are none while the run waits for another one to end."""

RunPipeline = Callable[[OnTasks], Awaitable[PipelineRun]]
"""Runs the pipeline over the whole dataset; raises CommandFailed when it is red."""


async def run_pipeline(
    login: AirflowConnection, clock: Clock, on_tasks: OnTasks, *, transport: httpx.AsyncBaseTransport | None = None
) -> PipelineRun:
    """Take in everything, train, promote; raises CommandFailed with the reason of the task that is red.

    `transport` stands in for the network.
    """
    async with httpx.AsyncClient(base_url=login.url, timeout=ANSWER_S, trust_env=False, transport=transport) as client:
        airflow = _Airflow(client)
        await airflow.log_in(login)
        if await airflow.is_paused(clock):
            raise CommandFailed(f"The DAG {DAG} is paused. Turn it on at {login.url}/dags/{DAG}, and do this again.")
        path = await airflow.trigger({"train": "all"})
        page = f"{login.url}/dags/{DAG}/runs/{path.rpartition('/')[2]}"
        while (state := (await airflow.ask("GET", path))["state"]) not in ENDED:
            on_tasks(await airflow.tasks(path) if state == "running" else ())
            await clock.sleep(POLL_S)
        tasks = await airflow.tasks(path)
        if state != "success":
            raise CommandFailed(await _why(airflow, path, tasks, page))
        ingested, promoted = await airflow.result(path, "ingest.train_rows"), await airflow.result(path, "promote")
    return PipelineRun(page=page, tasks=tasks, run_id=UUID(ingested["run_id"]), promotion_command_id=UUID(promoted))


async def _why(airflow: "_Airflow", path: str, tasks: Sequence[TaskRun], page: str) -> str:
    red = next((task for task in tasks if task.state == "failed"), None)
    if red is None:
        return f"The run of {DAG} is red, without a task that failed: {page}"
    return f"The task {red.task_id} of {DAG} is red. {await airflow.reason(path, red)}\nIts page: {page}"


class _Airflow:
    """The parts of Airflow's REST interface that are used here."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def log_in(self, login: AirflowConnection) -> None:
        token = await self.ask("POST", "/auth/token", {"username": login.user, "password": login.password})
        self._client.headers["authorization"] = f"Bearer {token['access_token']}"

    async def is_paused(self, clock: Clock) -> bool:
        """Tell whether the DAG is paused, once Airflow has read its file."""
        deadline = Deadline.after(READ_WITHIN_S, clock)
        while (dag := await self.ask("GET", f"/api/v2/dags/{DAG}", may_be_missing=not deadline.expired)) is None:
            await clock.sleep(POLL_S)
        return bool(dag["is_paused"])

    async def trigger(self, conf: dict[str, Any]) -> str:
        """Ask for a run and return its path."""
        runs = f"/api/v2/dags/{DAG}/dagRuns"
        answer = await self.ask("POST", runs, {"logical_date": None, "conf": conf})
        return f"{runs}/{answer['dag_run_id']}"

    async def tasks(self, path: str) -> tuple[TaskRun, ...]:
        found = msgspec.convert((await self.ask("GET", f"{path}/taskInstances"))["task_instances"], list[TaskRun])
        return tuple(sorted(found, key=lambda task: (task.start_date is None, task.start_date)))

    async def result(self, path: str, task_id: str) -> Any:
        return (await self.ask("GET", f"{path}/taskInstances/{task_id}/xcomEntries/return_value"))["value"]

    async def reason(self, path: str, task: TaskRun) -> str:
        """Return the exception that a task's last attempt ended with."""
        instance = await self.ask("GET", f"{path}/taskInstances/{task.task_id}")
        log = await self.ask("GET", f"{path}/taskInstances/{task.task_id}/logs/{instance['try_number']}")
        faults = [fault["exc_value"] for line in log["content"] for fault in line.get("error_detail") or ()]
        return str(faults[-1]) if faults else "Its log does not say why."

    async def ask(
        self, method: Literal["GET", "POST"], path: str, body: Any = None, *, may_be_missing: bool = False
    ) -> Any:
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise CommandFailed(
                f"Airflow does not answer at {self._client.base_url} ({type(error).__name__}). `readmit status` shows "
                "what is down; `readmit demo --no-airflow` does without.",
                code=ExitCode.UNAVAILABLE,
            ) from error
        if may_be_missing and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise CommandFailed(f"Airflow answers {answer.status_code} to {method} {path}: {answer.text[:300]}")
        return answer.json()
