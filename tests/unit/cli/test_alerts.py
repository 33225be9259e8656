"""What Prometheus says of its alerts, as the screen takes it."""

from datetime import UTC, datetime

import httpx
import pytest
from readmit_cli.failures import CommandFailed
from readmit_cli.overview.alerts import Alert, firing

ADDRESS = "http://prometheus:9090/"


def known(name: str, state: str = "firing", at: str = "2026-01-01T00:00:00.123456789Z", **labels: str) -> dict:
    """Give an alert in Prometheus' words."""
    annotations = {"summary": f"{name} it is.", "runbook": f"docs/runbooks/{name}.md"}
    labels = {"alertname": name, "severity": "warning", **labels}
    return {"labels": labels, "annotations": annotations, "state": state, "activeAt": at, "value": "1e+00"}


async def asked(answer: httpx.Response) -> tuple[Alert, ...]:
    """Give what is made of an answer."""
    asked_for = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked_for.append(str(request.url))
        return answer

    async with firing(ADDRESS, transport=httpx.MockTransport(handle)) as ask:
        found = await ask()
    assert asked_for == ["http://prometheus:9090/api/v1/alerts"]
    return found


def answered(*alerts: dict) -> httpx.Response:
    """Give the answer with these alerts."""
    return httpx.Response(200, json={"status": "success", "data": {"alerts": alerts}})


async def test_the_gravest_alert_comes_first_and_of_the_same_gravity_the_oldest():
    """The screen may be too short for all."""
    found = await asked(
        answered(
            known("Late", at="2026-01-02T00:00:00Z"),
            known("Odd", severity="page"),
            known("Early"),
            known("Grave", severity="critical", at="2026-01-03T00:00:00Z"),
        )
    )
    assert [alert.name for alert in found] == ["Grave", "Early", "Late", "Odd"]
    assert found[1] == Alert(
        name="Early",
        severity="warning",
        summary="Early it is.",
        since=datetime(2026, 1, 1, microsecond=123457, tzinfo=UTC),
        runbook="docs/runbooks/Early.md",
    )


async def test_what_does_not_fire_yet_is_no_alert():
    """Its condition may be over before anybody has to know."""
    assert await asked(answered(known("Soon", state="pending"))) == ()


async def test_alerts_of_others_are_not_shown():
    """In a cluster Prometheus is everybody's, and one of its alerts fires always to show that it lives."""
    watchdog = known("Watchdog", severity="none") | {"annotations": {"runbook_url": "https://example.org/watchdog"}}
    assert [alert.name for alert in await asked(answered(watchdog, known("Ours")))] == ["Ours"]


@pytest.mark.parametrize(
    "answer", [httpx.Response(503, text="starting"), httpx.Response(200, text="<html>"), httpx.Response(200, json={})]
)
async def test_an_answer_without_alerts_is_told_with_its_address(answer):
    """It must not look like a system without alerts."""
    with pytest.raises(CommandFailed, match="No alerts from http://prometheus:9090/api/v1/alerts"):
        await asked(answer)
