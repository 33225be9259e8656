"""Users who look into the batch producer's catalogue: what the dataset is, and how far its runs are."""

from locust import constant_throughput, task
from locust.contrib.fasthttp import FastHttpUser

from readmit_load import answers

DATASET, SPLITS, RUNS = "/v1/dataset", "/v1/splits", "/v1/runs"


class CatalogueUser(FastHttpUser):
    """Asks for one page every two seconds."""

    abstract = True
    fixed_count = 1
    wait_time = constant_throughput(0.5)
    network_timeout = answers.PATIENCE_S
    connection_timeout = answers.PATIENCE_S
    base_url = ""
    host = "http://the-batch-producer"
    path, needs = "", ""

    @task
    def look(self) -> None:
        """Look at it."""
        with self.client.get(CatalogueUser.base_url + self.path, name=self.path, catch_response=True) as response:
            answered = response.request_meta["exception"] is None
            if answered and (fault := answers.of_json(response.content, needs=self.needs)):
                response.failure(fault)


class DatasetUser(CatalogueUser):
    """Looks what the dataset is."""

    path, needs = DATASET, "dataset_id"


class SplitsUser(CatalogueUser):
    """Looks at the splits."""

    path, needs = SPLITS, "split"


class RunsUser(CatalogueUser):
    """Looks how far the runs are."""

    path, needs = RUNS, "runs"
