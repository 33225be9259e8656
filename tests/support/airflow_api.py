"""Ask Airflow over REST, as a person's script does."""

from typing import Any

import httpx
from readmit_cli.stack.connections import AirflowConnection
from support.running_stack import wait_for

ENDED = ("success", "failed")


class AirflowApi:
    """One user of one Airflow."""

    def __init__(self, user: AirflowConnection) -> None:
        login = {"username": user.user, "password": user.password}
        answer = httpx.post(f"{user.url}/auth/token", json=login).raise_for_status()
        token = answer.json()["access_token"]
        self._base = f"{user.url}/api/v2"
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        """Give what an address answers, decoded."""
        return self._ask("GET", path).raise_for_status().json()

    def knows(self, dag_id: str) -> bool:
        """Tell whether the DAG's file was read."""
        return self._ask("GET", f"/dags/{dag_id}").is_success

    def trigger(self, dag_id: str, **conf: Any) -> httpx.Response:
        """Ask for a run of a DAG; waits until the DAG is known."""
        wait_for(lambda: self.knows(dag_id), f"{dag_id} is known")
        return self._ask("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})

    def run(self, dag_id: str, **conf: Any) -> str:
        """Ask for a run and give its path below /api/v2."""
        return f"/dags/{dag_id}/dagRuns/{self.trigger(dag_id, **conf).raise_for_status().json()['dag_run_id']}"

    def ended(self, run: str, *, timeout_s: float = 120) -> str:
        """Wait until a run has ended, and give its state."""
        return str(wait_for(lambda: self._ended(run), f"{run} ends", timeout_s=timeout_s))

    def log(self, run: str, task_id: str, *, attempt: int = 1) -> str:
        """Give a task's log as the web page shows it, empty while there is none."""
        answer = self._ask("GET", f"{run}/taskInstances/{task_id}/logs/{attempt}")
        lines = answer.json()["content"] if answer.is_success else []
        faults = [fault["exc_value"] for line in lines for fault in line.get("error_detail") or ()]
        return "\n".join([line["event"] for line in lines] + faults)

    def instances(self, run: str) -> dict[str, Any]:
        """Give the run's tasks by id; of a mapped one, the last."""
        return {one["task_id"]: one for one in self.get(f"{run}/taskInstances")["task_instances"]}

    def states(self, run: str) -> dict[str, str | None]:
        """Give the state of each task of a run."""
        return {task_id: one["state"] for task_id, one in self.instances(run).items()}

    def failures(self, run: str) -> str:
        """Give the logs of the tasks that failed, for a test that did not expect it."""
        failed = [one for one in self.instances(run).values() if one["state"] == "failed"]
        return "\n".join(self.log(run, one["task_id"], attempt=one["try_number"]) for one in failed)

    def result(self, run: str, task_id: str) -> Any:
        """Give what a task returned."""
        return self.get(f"{run}/taskInstances/{task_id}/xcomEntries/return_value")["value"]

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Give every run of a DAG, the newest first."""
        found: list[dict[str, Any]] = self.get(f"/dags/{dag_id}/dagRuns?order_by=-run_after")["dag_runs"]
        return found

    def pause(self, dag_id: str, *, paused: bool) -> None:
        """Pause a DAG, or let it run."""
        self._ask("PATCH", f"/dags/{dag_id}", {"is_paused": paused}).raise_for_status()

    def _ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.request(method, self._base + path, json=body, headers=self._headers, timeout=30.0)

    def _ended(self, run: str) -> str | None:
        state = self.get(run)["state"]
        return state if state in ENDED else None
