"""Write the whole system on one screen."""

from collections.abc import Iterable
from datetime import datetime

from readmit_contracts.source import SPLITS
from rich.columns import Columns
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from readmit_cli.ingestion.rendering import moment, progress_table, runs_table
from readmit_cli.models.rendering import jobs_table
from readmit_cli.overview.overview import Overview, StoreOverview
from readmit_cli.stack.prerequisites import Check
from readmit_cli.topic_views import lag_view

SHORT_DIGEST = 12
FULL_WIDTH = 100
_MARKS = {"ok": ("✓", "green"), "off": ("·", "yellow"), "failed": ("✗", "red")}


def screen(overview: Overview, width: int) -> Iterable[RenderableType]:
    """Yield the screen's sections, what changes most first; `width` is in columns, 80 are enough."""
    if overview.parts:
        yield _parts(overview.parts)
        yield from (_trouble(check) for check in overview.parts if check.verdict != "ok")
        yield ""
    yield from _alerts(overview)
    yield ""
    store = overview.store
    if store is None:
        yield _away("store", overview.unreachable)
    else:
        yield from _runs(store, overview.at, narrow=width < FULL_WIDTH)
    yield ""
    yield from _lag(overview)
    if store is None:
        return
    yield ""
    yield from _jobs(store)
    yield ""
    yield from _serving(store, overview.at)
    yield ""
    yield _store_line(store)
    yield _rows(store)


def _away(what: str, why: str | None) -> Text:
    return Text.assemble((what, "bold"), (f"  {why}", "red"))


def _alerts(overview: Overview) -> Iterable[RenderableType]:
    if overview.alerts is None:
        yield _away("alerts", overview.alerts_unreachable)
        return
    if not overview.alerts:
        yield "No alert fires."
        return
    yield Text("alerts", style="bold")
    for alert in overview.alerts:
        style = "red" if alert.severity == "critical" else "yellow"
        yield Text.assemble(
            (f"{alert.severity}  {alert.name}", style),
            f", since {_passed(alert.since, overview.at)}: {alert.runbook}",
        )
        yield Text(f"  {alert.summary}")


def _runs(found: StoreOverview, now: datetime, *, narrow: bool) -> Iterable[RenderableType]:
    if not found.runs:
        yield "No run yet; `readmit ingest start` begins one."
        return
    yield Text("runs", style="bold")
    yield runs_table(found.runs, now, narrow=narrow)
    for run in found.active:
        yield progress_table(run.run_id, run.splits)


def _lag(overview: Overview) -> Iterable[RenderableType]:
    if overview.lag is None:
        yield _away("lag", overview.lag_unreachable)
    elif overview.lag:
        yield Text("lag", style="bold")
        yield lag_view.groups_table(overview.lag)
    else:
        yield "No group reads here yet."


def _jobs(found: StoreOverview) -> Iterable[RenderableType]:
    if not found.jobs:
        yield "No training job yet; `readmit train` asks for one."
        return
    yield Text("jobs", style="bold")
    yield jobs_table(found.jobs)


def _parts(checks: Iterable[Check]) -> Columns:
    parts = []
    for check in checks:
        mark, style = _MARKS[check.verdict]
        parts.append(Text(f"{mark} {check.name}", style=style))
    return Columns(parts, padding=(0, 2))


def _trouble(check: Check) -> Text:
    advice = f" ({check.advice})" if check.advice else ""
    return Text(f"  {check.name}: {check.detail}{advice}", style=_MARKS[check.verdict][1])


def _store_line(found: StoreOverview) -> Text:
    reset = f", reset {moment(found.store.reset_at)}" if found.store.reset_at else ""
    return Text.assemble(
        ("store", "bold"),
        f"  generation {found.store.generation}{reset}, split rule {found.store.split_rule}, "
        f"schema {found.store.schema_revision}",
    )


def _rows(found: StoreOverview) -> Table:
    rows = {table.table_name: table.rows for table in found.tables}
    table = Table("", box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in (*SPLITS, "total"):
        table.add_column(name, justify="right")
    for schema in ("raw", "clean"):
        counts = [rows.get(f"{schema}.{split}", 0) for split in SPLITS]
        table.add_row(f"{schema} rows", *(f"{count:,}" for count in (*counts, sum(counts))))
    table.add_row("batches", *(_states(found.batches.get(split, {})) for split in SPLITS), "")
    return table


def _serving(found: StoreOverview, now: datetime) -> Iterable[RenderableType]:
    if not found.champions:
        yield "No model serves yet."
    for champion in found.champions:
        version = f"version {champion.version}, " if champion.version else ""
        auroc = found.auroc.get(champion.model_id, {})
        yield Text.assemble(
            ("champion", "bold"),
            f"  {champion.model} epoch {champion.epoch}, {version}{champion.model_id[:SHORT_DIGEST]}",
        )
        yield f"  since {moment(champion.promoted_at)}, {_ago(champion.promoted_at, now)}"
        if auroc:
            yield f"  AUROC {', '.join(f'{value:.4f} on {split}' for split, value in auroc.items())}"
        yield f"  {champion.convergence}, {champion.replicas_converged} of {champion.replicas_alive} living replicas"
    for replica in found.replicas:
        epoch = "no model yet" if replica.epoch is None else f"epoch {replica.epoch}"
        yield f"  {replica.replica}: {replica.status}, {epoch}, said so {_ago(replica.reported_at, now)}"
        if replica.load_failure:
            yield Text(f"    {replica.load_failure}", style="red")


def _ago(at: datetime, now: datetime) -> str:
    return f"{_passed(at, now)} ago"


def _passed(since: datetime, now: datetime) -> str:
    # the clock of the other machine may be ahead of this one
    return lag_view.duration((now - since).total_seconds()) or "0 s"


def _states(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"
