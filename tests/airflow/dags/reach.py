"""A DAG for the tests of the stack: it uses each connection that the stack gives to Airflow."""

import logging
import time
from datetime import timedelta
from typing import Any

import psycopg
from airflow.sdk import Connection, dag, get_current_context, task
from confluent_kafka.admin import AdminClient

# as the real DAGs have: a task that is ended at a stop may still tell the server so, which is a failed attempt


@task(retries=1, retry_delay=timedelta(seconds=1))
def reach() -> dict[str, Any]:
    """Wait as long as the run is asked to, then answer what is behind each connection."""
    logging.getLogger(__name__).info("reaching out")
    time.sleep(get_current_context()["params"]["wait_s"])
    mlflow = Connection.get("readmit_mlflow")
    with psycopg.connect(Connection.get("readmit_status").get_uri()) as session:
        row = session.execute("SELECT current_user, count(*) FROM status.runs").fetchone()
    return {
        "topics": {name: _topics(name) for name in ("readmit_kafka", "readmit_kafka_events")},
        "status": list(row or ()),
        "mlflow": f"{mlflow.conn_type}://{mlflow.host}:{mlflow.port}",
    }


@dag(schedule=None, params={"wait_s": 0}, catchup=False)
def stack_reach() -> None:
    """Run the one task."""
    reach()


def _topics(name: str) -> list[str]:
    client = AdminClient(Connection.get(name).extra_dejson)
    return sorted(topic for topic in client.list_topics(timeout=10).topics if topic.startswith("readmit."))


stack_reach()
