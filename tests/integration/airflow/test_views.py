"""What Airflow asks the views besides effects."""

import asyncio

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


async def test_many_looks_share_a_few_connections(service_database, admin, plugin):
    """Hundreds of waits must leave connections to those that they wait for."""
    views, settings = plugin("views"), service_database("readmit_reader")
    place = settings.model_dump(include={"host", "port", "database", "user"})
    pool = await views.open_pool(2, **place, password=settings.password.get_secret_value())

    async def look() -> str:
        async with pool.acquire() as connection:
            await connection.execute("SELECT pg_sleep(0.05)")
            return await views.StatusViews(connection).schema_revision()

    looks = [asyncio.create_task(look()) for _ in range(20)]
    await asyncio.sleep(0.2)
    held = await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'airflow'")
    assert held == 2
    assert len(set(await asyncio.gather(*looks))) == 1
    await pool.close()


async def test_a_run_from_before_a_reset_is_not_found(store, open_views):
    """Its rows are gone: there is nothing to train on."""
    await store.plan(SOURCE, LINES)
    await store.store(records(SOURCE))
    await store.clean()
    await store.admin.execute("UPDATE ingest.store SET generation = generation + 1")
    async with open_views() as views:
        assert await views.last_run_without_follow_up() is None
    await store.admin.execute("UPDATE ingest.store SET generation = generation - 1")
