"""Say where a person can look at the running stack."""

import shlex

import msgspec
from readmit_contracts.topics import INGESTION_EVENTS

from readmit_cli.stack.programs import AIRFLOW_API_SERVER, BATCH_PRODUCER, MLFLOW
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.stack import Stack

PREDICTOR = "predictor"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A place to look at: a page, or a line for the shell."""

    name: str
    look: str
    what: str


def addresses(stack: Stack, model_page: str | None) -> tuple[Address, ...]:
    """Return the places of a local stack; writes the file with the logins that the lines read."""
    logins = stack.connection_file()
    shell = f"set -a; . {shlex.quote(str(logins))}; set +a"
    found = [
        Address(
            name="batch producer",
            look=f"{stack.addresses.service(BATCH_PRODUCER)}/docs",
            what="the dataset, its batches, the runs",
        ),
        Address(
            name="predictor",
            look=f"{stack.addresses.service(PREDICTOR)}/docs",
            what=f"ask for a prediction; the key is READMIT_ACCESS_KEY in {logins}",
        ),
        Address(
            name="Kafka",
            look=f"kcat -C -b {stack.kafka_bootstrap} -t {INGESTION_EVENTS.name} -o beginning -e",
            what="what happened to the batches",
        ),
        Address(name="Postgres", look=f"{shell}; psql -c 'TABLE status.runs'", what="the runs, with every row counted"),
    ]
    if stack.blueprint.s3_server is S3Server.MINIO:
        what = f"the bundles; login MINIO_ROOT_USER and MINIO_ROOT_PASSWORD in {logins}"
        found.insert(2, Address(name="MinIO", look=stack.addresses.minio_console, what=what))
    if MLFLOW in stack.wanted():
        page = model_page or stack.mlflow_uri
        found.insert(2, Address(name="MLflow", look=page, what="the model, its figures and curves"))
    if AIRFLOW_API_SERVER in stack.wanted():
        what = f"the DAGs; login {stack.airflow().user}, password READMIT_AIRFLOW_PASSWORD in {logins}"
        found.insert(2, Address(name="Airflow", look=stack.addresses.airflow, what=what))
    return tuple(found)
