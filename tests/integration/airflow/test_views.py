"""What Airflow asks the views besides effects."""

from support.encounters import source_file
from support.planned_store import lines_of, records

LINES = lines_of(300)
SOURCE = source_file(LINES)


async def test_a_completed_run_that_nothing_follows_is_found_as_long_as_it_is_fresh_and_its_rows_are_there(
    store, open_views
):
    """The DAG that an event wakes asks for training once for each of them."""
    run_id = str(await store.plan(SOURCE, LINES))
    async with open_views() as views:
        assert await views.unfollowed_runs() == []
        await store.store(records(SOURCE))
        await store.clean()
        assert await views.unfollowed_runs() == [run_id]
        for change in (
            "UPDATE ingest.runs SET then_do = 'train'",
            "UPDATE ingest.runs SET then_do = 'nothing', finished_at = finished_at - interval '25 h'",
            "UPDATE ingest.runs SET finished_at = now(), generation = 0",
        ):
            await store.admin.execute(change)
            assert await views.unfollowed_runs() == [], change
