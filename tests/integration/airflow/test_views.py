"""What Airflow asks the views besides effects."""

from support.encounters import source_file
from support.planned_store import lines_of, records

LINES = lines_of(300)
SOURCE = source_file(LINES)


async def test_the_run_that_completed_last_and_that_nothing_follows_is_found(store, open_views):
    """The DAG that an event wakes asks for training once for it."""
    async with open_views() as views:
        first = str(await store.plan(SOURCE, LINES))
        assert await views.last_run_without_follow_up() is None
        await store.store(records(SOURCE))
        await store.clean()
        assert await views.last_run_without_follow_up() == first
        second = str(await store.plan(SOURCE, LINES))
        assert await views.last_run_without_follow_up() == second
        await store.admin.execute("UPDATE ingest.runs SET then_do = 'train' WHERE run_id = $1", second)
        assert await views.last_run_without_follow_up() == first


async def test_a_run_from_before_a_reset_is_not_found(store, open_views):
    """Its rows are gone: there is nothing to train on."""
    await store.plan(SOURCE, LINES)
    await store.store(records(SOURCE))
    await store.clean()
    await store.admin.execute("UPDATE ingest.store SET generation = generation + 1")
    async with open_views() as views:
        assert await views.last_run_without_follow_up() is None
    await store.admin.execute("UPDATE ingest.store SET generation = generation - 1")
