"""Models, promotions and verdicts as text."""

import pytest
from readmit_cli.models import rendering
from readmit_cli.models.listing import ModelDetail, gather
from rich.console import Console
from support.answers import FakeViews
from support.status_rows import METRICS, MODEL_ID, OTHER_ID, champion, decision, job, model, promotion


def printed(*sections) -> str:
    """Give what stands on a wide terminal."""
    console = Console(width=200, markup=False, highlight=False)
    with console.capture() as capture:
        for section in sections:
            console.print(section)
    return capture.get()


async def test_each_model_is_listed_with_its_last_verdict_and_its_epochs():
    """Who serves has a star; a job that came to nothing is not hidden."""
    views = FakeViews(
        champion=[champion(6)],
        models=[[model(), model(model_id=OTHER_ID, version=None)]],
        promotions=[[promotion(6), promotion(5, model_id=OTHER_ID), promotion(4)]],
        decisions=[[decision(), decision("AUROC_NOT_BETTER"), decision("AUROC_NOT_BETTER", model_id=OTHER_ID)]],
        jobs_without_model=[[job("failed", reason="FIT_FAILED", detail="It ended.")]],
    )
    found = await gather(views, "readmission", 20)
    assert [(one.serves, one.epochs, one.decision.passed) for one in found.models] == [
        (True, (6, 4), True),
        (False, (5,), False),
    ]
    first, second = printed(rendering.models_table(found.models)).splitlines()[1:]
    assert first.split()[:5] == ["*", "7", MODEL_ID[:12], "0.6712", "0.6845"]
    assert "passed" in first
    assert "6, 4" in first
    assert second.split()[:2] == ["-", OTHER_ID[:12]]
    assert "refused (AUROC_NOT_BETTER)" in second
    assert "FIT_FAILED: It ended." in printed(rendering.jobs_table(found.jobs))


def test_one_model_is_shown_with_all_that_leads_to_it():
    """From the rows it learned from to the page in MLflow."""
    detail = ModelDetail(model=model(), job=job(), serves=True, decisions=(), promotions=())
    shown = printed(*rendering.detail_lines(detail, "http://mlflow/#/7"), rendering.metrics_table(METRICS))
    for said in (MODEL_ID, str(job().job_id), "best after 225 trees", "http://mlflow/#/7", "20,442", "0.6845"):
        assert said in shown
    assert "train " not in shown.replace("train and", "")


def test_the_history_says_who_decided_what_and_why():
    """A rollback names the epoch that it replaced, the first promotion none."""
    lines = printed(
        rendering.promotions_table(
            [promotion(2, kind="rollback", actor="mlflow", reason="moved by hand"), promotion(1)]
        )
    ).splitlines()
    assert "rollback" in lines[1]
    assert lines[1].rstrip().endswith("epoch 1     mlflow    moved by hand")
    assert lines[2].rstrip().endswith("-           operator  better")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            decision(),
            (
                "passed: AUROC 0.6712 against 0.6650 of the champion of epoch 3, on the same validation rows; "
                "gain +0.0062 (-0.0010 to +0.0130)"
            ),
        ),
        (
            decision(champion_epoch=None, champion_model_id=None, evidence={"metrics": {"challenger_auroc": 0.67}}),
            "passed: AUROC 0.6700 on the validation rows, and there was no champion to be better than",
        ),
        (decision("FEATURE_VERSION", evidence={}), "refused (FEATURE_VERSION): AUROC - against - of the champion"),
    ],
)
def test_a_verdict_is_told_with_the_figures_that_decided(given, said):
    """Evidence that an older release wrote otherwise is left out, not guessed."""
    assert said in rendering.verdict_line(given).plain
    assert str(given.decided_at.year) in printed(rendering.decisions_table([given]))
