"""What the dashboards are put together from: pages, rows, panels, each with unit, description and way on."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as pages
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, StackingMode, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

TAG = "readmit"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HALF, THIRD, QUARTER = 12, 8, 6  # of a page's 24 columns
RUNBOOKS = "http://127.0.0.1:8000"

Panel = timeseries.Panel | stat.Panel | heatmap.Panel


@dataclass(frozen=True)
class Query:
    """PromQL, and the name of each series that it gives."""

    expr: str
    legend: str = "__auto"


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a page: the values of one label of one metric, all of them at first."""

    name: str
    of: str
    """The selector whose series have the label."""


def graph(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    span: int = HALF,
    runbook: str | None = None,
    stacked: bool = False,
) -> timeseries.Panel:
    """Return a panel of lines over time."""
    panel = timeseries.Panel().min(0).fill_opacity(10).line_width(1)
    panel.legend(
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)  # noqa: FBT003 - the library's own signature
    )
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for number, query in enumerate(queries):
        panel.with_target(_target(query, number))
    _describe(panel, title, description, unit, span=span, height=8, runbook=runbook)
    return panel


def figure(
    title: str, description: str, unit: str, query: Query, *, bad_from: float | None = None, runbook: str | None = None
) -> stat.Panel:
    """Return a panel of the newest value; from `bad_from` on it is red."""
    panel = stat.Panel().with_target(_target(query, 0))
    steps = [Threshold(value=None, color="green")]
    if bad_from is not None:
        steps.append(Threshold(value=bad_from, color="red"))
    panel.thresholds(pages.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    _describe(panel, title, description, unit, span=QUARTER, height=4, runbook=runbook)
    return panel


def spread(title: str, description: str, unit: str, query: Query, *, span: int = HALF) -> heatmap.Panel:
    """Return a panel of a histogram's buckets over time; the query keeps the label `le`."""
    panel = heatmap.Panel().calculate(False)  # noqa: FBT003 - the library's own signature
    panel.color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues"))
    panel.y_axis(heatmap.YAxisConfig().unit(unit))
    panel.with_target(_target(query, 0).format(PromQueryFormat.HEATMAP))
    _describe(panel, title, description, unit, span=span, height=8, runbook=None)
    return panel


def dashboard(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[tuple[str, Sequence[Panel]]],
    *,
    variables: Sequence[Variable] = (),
) -> pages.Dashboard:
    """Return a dashboard with its variables, its rows, and links to the others and to the runbooks."""
    built = pages.Dashboard(title).uid(uid).description(description).tags([TAG]).readonly()
    built.refresh("10s").time("now-1h", "now").timezone("browser")
    built.with_variable(pages.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    for variable in variables:
        built.with_variable(_query_variable(variable))
    built.with_variable(
        pages.TextBoxVariable("runbooks")
        .label("Runbooks at")
        .description("Where docs/runbooks can be read: python3 -m http.server 8000 --directory docs/runbooks")
        .default_value(RUNBOOKS)
    )
    built.link(_link("Dashboards", DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True))  # noqa: FBT003
    built.link(_link("Runbooks", DashboardLinkType.LINK).url("${runbooks}/README.md"))
    for name, panels in rows:
        built.with_row(pages.Row(name))
        for panel in panels:
            built.with_panel(panel)
    return built


def _describe(
    panel: Panel, title: str, description: str, unit: str, *, span: int, height: int, runbook: str | None
) -> None:
    panel.title(title).description(description).unit(unit).datasource(SOURCE).span(span).height(height)
    if runbook is not None:
        panel.links([_link("What to do", DashboardLinkType.LINK).url(f"${{runbooks}}/{runbook}.md")])


def _target(query: Query, number: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend)
    return target.ref_id("ABCDEFGH"[number]).datasource(SOURCE)


def _query_variable(variable: Variable) -> pages.QueryVariable:
    built = pages.QueryVariable(variable.name).label(variable.name).datasource(SOURCE)
    built.query(f"label_values({variable.of}, {variable.name})").refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return built.multi(True).include_all(True).all_value(".*")  # noqa: FBT003 - the library's own signature


def _link(title: str, kind: DashboardLinkType) -> pages.DashboardLink:
    return pages.DashboardLink(title).type(kind).keep_time(True)  # noqa: FBT003 - the library's own signature
