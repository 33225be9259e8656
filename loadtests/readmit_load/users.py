"""Users of every route: each asks for one request a second and looks at what it is answered."""

import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import gevent
from locust import constant_throughput, task
from locust.contrib.fasthttp import FastHttpUser, LocustBadStatusCode

from readmit_load import answers, connections, patients
from readmit_load.answers import PATIENCE_S, Epochs, Fault
from readmit_load.balancing import Replicas

BATCH = 10
PATIENTS = 2_000

PREDICT, PREDICT_BATCH, MODEL, READY = "/v1/predict", "/v1/predict/batch", "/v1/model", "/health/ready"
INVOCATIONS = "/invocations"

connections.keep_all()


class Cohort:
    """The patients of this process: made up ones, and as many real ones where the dataset is."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        half = PATIENTS // 2
        dataset = os.environ.get("READMIT_DATASET")
        real = patients.of_dataset(Path(dataset), half) if dataset else patients.made_up(half, self.random)
        self.patients = [*patients.made_up(half, self.random), *real]
        self.bodies = [patients.body(patient) for patient in self.patients]

    def one(self) -> bytes:
        """Give a body about one of them."""
        return self.random.choice(self.bodies)

    def several(self) -> bytes:
        """Give a body about some of them."""
        return patients.batch_body(self.random.sample(self.patients, BATCH))

    def frame(self) -> bytes:
        """Give a body about one of them in MLflow's form."""
        return patients.frame_body(self.random.choice(self.patients))


class World:
    """What the users of one process share; made when the run begins."""

    replicas: Replicas
    cohort: Cohort
    key: str
    numbers = count()


_to_the_next_second = constant_throughput(1)


def each_second(user: Any) -> float:
    """Return how long to wait for the user's next second; who was answered too late for it begins anew, by chance.

    Those who are late were answered together, one behind the other. Asking at once they would stay together for as long
    as they are there, also when the server keeps up with them again: thirty batches at one moment of every second.
    """
    wait_s: float = _to_the_next_second(user)
    if not wait_s:
        wait_s = user._cp_last_wait_time = World.cohort.random.random()
    return wait_s


class HttpUser(FastHttpUser):
    """Asks one replica, and once more another one when the first is gone or has only begun."""

    abstract = True
    wait_time = each_second
    network_timeout = PATIENCE_S
    connection_timeout = PATIENCE_S
    host = "http://chosen-for-each-request"
    counted_as = ""
    """The path under which requests count, where it is not their own."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._number = next(World.numbers)
        self._epochs = Epochs()

    def on_start(self) -> None:
        """Wait for a part of a second, so that users who come together do not ask together."""
        gevent.sleep(World.cohort.random.random())
        # Locust would make the wait up before the second request, and all would be together again.
        self._cp_last_run = time.perf_counter()

    def ask(self, method: str, path: str, look: Callable[[bytes, str], Fault], content: bytes | None = None) -> None:
        """Send a request and count it, with both attempts' time if there were two; `look` sees body and replica."""
        replica = World.replicas.home(self._number)
        response = self._sent(method, replica, path, content)
        if _unavailable(response) and (other := World.replicas.instead_of(replica)):
            replica, waited_ms = other, response.request_meta["response_time"]
            response = self._sent(method, replica, path, content)
            response.request_meta["response_time"] += waited_ms
        with response:
            if response.request_meta["exception"] is None:
                fault = look(response.content, replica)
                if fault is not None:
                    response.failure(fault)

    def _sent(self, method: str, replica: str, path: str, content: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {World.key}", "Accept-Encoding": "identity"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        # Nothing is counted before the response is left as a context.
        return self.client.request(
            method,
            replica + path,
            name=self.counted_as or path,
            data=content,
            headers=headers,
            catch_response=True,
            allow_redirects=False,
        )


def _unavailable(response: Any) -> bool:
    """Tell an answer that never came, or that of a replica that has only begun."""
    error = response.request_meta["exception"]
    if isinstance(error, LocustBadStatusCode):
        return response.status_code == 503 and answers.not_ready(response.content)
    return error is not None


class PredictUser(HttpUser):
    """Asks about one patient after the other."""

    weight = 47

    @task
    def predict(self) -> None:
        """Ask about one."""
        look = lambda content, replica: answers.of_predict(content, replica, self._epochs)  # noqa: E731
        self.ask("POST", PREDICT, look, World.cohort.one())


class BatchUser(HttpUser):
    """Asks about several patients at once."""

    weight = 1

    @task
    def predict(self) -> None:
        """Ask about ten."""
        look = lambda content, replica: answers.of_batch(content, replica, self._epochs, asked=BATCH)  # noqa: E731
        self.ask("POST", PREDICT_BATCH, look, World.cohort.several())


class ModelUser(HttpUser):
    """Looks which model answers."""

    weight = 1

    @task
    def model(self) -> None:
        """Look."""
        self.ask("GET", MODEL, lambda content, _: answers.of_json(content, needs="epoch"))


class ProbeUser(HttpUser):
    """Looks whether the replica is ready, as an orchestrator does."""

    weight = 1

    @task
    def ready(self) -> None:
        """Look."""
        self.ask("GET", READY, lambda content, _: answers.of_json(content, needs="checks"))


class MlflowUser(HttpUser):
    """Asks MLflow's scoring server about one patient after the other, for a comparison by the same limits."""

    counted_as = PREDICT

    @task
    def predict(self) -> None:
        """Ask about one."""
        self.ask("POST", INVOCATIONS, lambda content, _: answers.of_mlflow(content), World.cohort.frame())
