"""Look whether readmit is there at all, before anything is asked of it."""

import asyncio

from airflow.providers.apache.kafka.hooks.client import KafkaAdminClientHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from confluent_kafka import KafkaException

from readmit_airflow import contract
from readmit_airflow.publishing import KAFKA
from readmit_airflow.status import status_views
from readmit_airflow.views import AWAY

ANSWER_S = 10.0


def check_schema() -> str:
    """Return the schema's revision; raises AirflowFailException for another than these DAGs were made for."""
    try:
        revision = asyncio.run(_revision())
    except AWAY as error:
        raise AirflowException(f"The status views can't be read ({type(error).__name__}); is Postgres up?") from error
    if revision != contract.SCHEMA_REVISION:
        raise AirflowFailException(
            f"The database is at revision {revision}, these DAGs were made for {contract.SCHEMA_REVISION}: run the "
            "migrations, or install the DAGs of that release."
        )
    return revision


def check_topics() -> int:
    """Return the number of topics that there must be; raises AirflowFailException naming those that are missing."""
    try:
        found = KafkaAdminClientHook(kafka_config_id=KAFKA).get_conn.list_topics(timeout=ANSWER_S).topics
    except KafkaException as error:
        raise AirflowException(f"Kafka does not answer ({error}); is the broker up?") from error
    missing = sorted(set(contract.TOPICS) - set(found))
    if missing:
        raise AirflowFailException(f"Topics are missing: {', '.join(missing)}. `readmit up` makes them.")
    return len(contract.TOPICS)


async def _revision() -> str:
    async with status_views() as views:
        return await views.schema_revision()
