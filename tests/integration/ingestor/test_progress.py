"""What the metrics tell of batches, rows and runs, in the role of the ingestor."""

import time

from ingestor.metrics import IngestorMetrics
from ingestor.progress_store import COUNTS, read_progress
from prometheus_client import CollectorRegistry
from readmit_runtime.database import connect
from support.encounters import source_file
from support.planned_store import PlannedStore, lines_of, records


class Told:
    """What the ingestor's metrics say after a look."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._metrics = IngestorMetrics(self._registry)

    async def look(self, store: PlannedStore) -> None:
        """Take a look, as the ingestor does every few seconds."""
        connection = await connect(store.settings)
        try:
            self._metrics.store_seen(await read_progress(connection))
        finally:
            await connection.close()

    def value(self, name: str, **labels: str) -> float:
        """Give a metric's value."""
        return self._registry.get_sample_value(f"readmit_ingestor_{name}", labels)

    def rows(self) -> dict[str, float]:
        """Give the rows by count."""
        return {count: self.value("batch_rows", count=count) for count in COUNTS}


async def test_an_empty_store_is_told_as_zeros(store):
    """A series that begins with its first batch would look like a gap."""
    told = Told()
    assert told.value("tables_seen_timestamp_seconds") == 0
    await told.look(store)
    assert time.time() - told.value("tables_seen_timestamp_seconds") < 60
    assert told.rows() == dict.fromkeys(COUNTS, 0)
    assert told.value("known_batches", state="clean") == 0
    assert told.value("known_runs", state="streaming") == 0
    assert told.value("outbox_age_seconds") == 0


async def test_the_progress_of_the_batches_is_told_as_it_is_counted(store):
    """Published over planned is how far the ingest is, and published has exactly four parts."""
    lines = lines_of(1000, at={7: {"gender": "Nobody"}})
    source = source_file(lines)
    await store.plan(source, lines)
    told = Told()
    await told.look(store)
    assert told.rows() == dict.fromkeys(COUNTS, 0) | {"planned": 1000}
    assert told.value("known_batches", state="planned") == 3
    assert told.value("known_runs", state="planned") == 1
    await store.store(records(source))
    await store.clean()
    await told.look(store)
    assert told.rows() == dict.fromkeys(COUNTS, 0) | {
        "planned": 1000, "published": 1000, "stored": 999, "quarantined": 1
    }  # fmt: skip
    assert told.value("known_batches", state="planned") == 0
    assert told.value("known_batches", state="clean") == 3
    assert told.value("known_runs", state="completed") == 1
    assert told.value("outbox_age_seconds") > 0


async def test_the_batches_of_an_earlier_generation_are_not_told(store):
    """After a reset the progress begins at nothing."""
    lines = lines_of(300)
    await store.plan(source_file(lines), lines)
    await store.admin.execute("UPDATE ingest.store SET generation = generation + 1")
    told = Told()
    await told.look(store)
    assert told.rows()["planned"] == 0
