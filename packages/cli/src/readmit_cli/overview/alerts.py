"""Ask Prometheus which alerts fire."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import httpx
import msgspec

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

_TIMEOUT_S = 5.0
_SEVERITIES = ("critical", "warning")  # the first wakes somebody
_RUNBOOKS = "docs/runbooks/"  # where our rules lead; a cluster's Prometheus has those of others too


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fires; `since` is when its condition began to hold, `runbook` the page that says what to do."""

    name: str
    severity: str
    summary: str
    since: datetime
    runbook: str


class _Known(msgspec.Struct, frozen=True):
    labels: dict[str, str]
    annotations: dict[str, str]
    state: str
    activeAt: datetime  # noqa: N815 - Prometheus' own name


class _Alerts(msgspec.Struct, frozen=True):
    alerts: tuple[_Known, ...]


class _Answer(msgspec.Struct, frozen=True):
    data: _Alerts


@asynccontextmanager
async def firing(
    base_url: str, *, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Callable[[], Awaitable[tuple[Alert, ...]]]]:
    """Open the way to a Prometheus for the length of the block, and give the call that asks; it raises CommandFailed.

    The alerts are those of this project's rules, the gravest first, and of the same gravity the oldest. `transport`
    stands in for the network.
    """
    url = f"{base_url.rstrip('/')}/api/v1/alerts"
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, transport=transport) as client:

        async def ask() -> tuple[Alert, ...]:
            try:
                answer = (await client.get(url)).raise_for_status()
                known = msgspec.json.decode(answer.content, type=_Answer).data.alerts
            except (httpx.HTTPError, msgspec.DecodeError) as error:
                raise CommandFailed(
                    f"No alerts from {url} ({type(error).__name__}). `make up` starts Prometheus.",
                    code=ExitCode.UNAVAILABLE,
                ) from error
            return tuple(sorted((_alert(one) for one in known if one.state == "firing" and _ours(one)), key=_gravity))

        yield ask


def _ours(known: _Known) -> bool:
    return known.annotations.get("runbook", "").startswith(_RUNBOOKS)


def _alert(known: _Known) -> Alert:
    return Alert(
        name=known.labels["alertname"],
        severity=known.labels.get("severity", ""),
        summary=known.annotations.get("summary", ""),
        since=known.activeAt,
        runbook=known.annotations["runbook"],
    )


def _gravity(alert: Alert) -> tuple[int, datetime, str, str]:
    grave = _SEVERITIES.index(alert.severity) if alert.severity in _SEVERITIES else len(_SEVERITIES)
    return grave, alert.since, alert.name, alert.summary
