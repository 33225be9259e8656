"""Following a run to its end."""

import pytest
from readmit_cli.asking.requests import Request
from readmit_cli.failures import CommandFailed
from readmit_cli.ingestion.following import require_completed, run_ended
from readmit_contracts.commands import StartIngestion
from readmit_runtime.testing.fake_clock import FakeClock
from support.answers import FakeViews
from support.status_rows import COMMAND_ID, run

REQUEST = Request(COMMAND_ID, StartIngestion(batches={"train": "all"}, then="nothing"))


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_a_run_is_followed_to_whatever_its_end_is(end):
    """And each look is told to whoever watches."""
    seen = []
    views = FakeViews(run_of=[run("planned", published=0), run("streaming", published=50), run(end)], run_batches=[[]])
    ended = await run_ended(REQUEST, views, FakeClock(), lambda now, _: seen.append(now.published))
    assert ended.state == end
    assert seen == [0, 50, 100]


async def test_a_command_that_made_no_run_is_said():
    """Waiting for a run that will never be would have no end."""
    with pytest.raises(CommandFailed, match="made no run"):
        await run_ended(REQUEST, FakeViews(), FakeClock(), lambda *_: None)


@pytest.mark.parametrize(("end", "said"), [("failed", "The run failed"), ("cancelled", "The run was cancelled")])
def test_any_other_end_than_completion_is_a_failure(end, said):
    """A script must not go on as if the rows had come."""
    require_completed(run("completed"))
    with pytest.raises(CommandFailed, match=rf"{said}. QUARANTINE_LIMIT: 151 rows"):
        require_completed(run(end, reason="QUARANTINE_LIMIT", detail="151 rows are set aside."))
