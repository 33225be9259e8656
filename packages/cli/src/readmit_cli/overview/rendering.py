"""Write the whole system on one screen."""

from collections.abc import Iterable
from datetime import datetime

from readmit_contracts.source import SPLITS
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from readmit_cli.ingestion.rendering import moment, runs_table
from readmit_cli.overview.overview import Overview, StoreOverview
from readmit_cli.stack.prerequisites import Check

SHORT_DIGEST = 12
_MARKS = {"ok": ("✓", "green"), "off": ("·", "yellow"), "failed": ("✗", "red")}


def screen(overview: Overview, now: datetime) -> Iterable[RenderableType]:
    """Yield the screen's sections, top down."""
    if overview.parts:
        yield _parts(overview.parts)
        yield from (_trouble(check) for check in overview.parts if check.verdict != "ok")
        yield ""
    if overview.store is None:
        yield Text(f"store  {overview.unreachable}", style="red")
        return
    yield _store_line(overview.store)
    yield _rows(overview.store)
    yield ""
    if overview.store.runs:
        yield Text("runs", style="bold")
        yield runs_table(overview.store.runs, now)
    else:
        yield "No run yet; `readmit ingest start` begins one."
    yield ""
    yield from _serving(overview.store)


def _parts(checks: Iterable[Check]) -> Text:
    parts = []
    for check in checks:
        mark, style = _MARKS[check.verdict]
        parts.append(Text(f"{mark} {check.name}", style=style))
    return Text("  ").join(parts)


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


def _serving(found: StoreOverview) -> Iterable[RenderableType]:
    if not found.champions:
        yield "No model serves yet."
    for champion in found.champions:
        version = f"version {champion.version}, " if champion.version else ""
        yield Text.assemble(
            ("champion", "bold"),
            f"  {champion.model} epoch {champion.epoch}, {version}{champion.model_id[:SHORT_DIGEST]}, since "
            f"{moment(champion.promoted_at)}: {champion.convergence}, {champion.replicas_converged} of "
            f"{champion.replicas_alive} living replicas",
        )
    for replica in found.replicas:
        epoch = "no model yet" if replica.epoch is None else f"epoch {replica.epoch}"
        yield Text(f"  {replica.replica}: {replica.status}, {epoch}")


def _states(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"
