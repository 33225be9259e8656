"""What a run tells Prometheus is what it declares, and the README has it."""

from types import SimpleNamespace

from prometheus_client import CollectorRegistry, generate_latest
from readmit_load.run_metrics import TABLE, RunMetrics
from readmit_runtime.markdown_table import markdown_table
from support.generated_text import ROOT, GeneratedText
from support.scraped import exposed, value

README = ROOT / "loadtests" / "README.md"


def test_a_run_tells_what_it_declares() -> None:
    """The dashboard asks for these names."""
    entry = SimpleNamespace(method="POST", name="/a", num_requests=4, num_failures=1, response_times={10.0: 3, 90.0: 1})
    environment = SimpleNamespace(
        runner=SimpleNamespace(user_classes_count={"PredictUser": 9}), stats=SimpleNamespace(entries={"x": entry})
    )
    seen = SimpleNamespace(spent={"alone": SimpleNamespace(cpu_s=2.5)}, failovers=3)
    registry = CollectorRegistry()
    registry.register(RunMetrics(environment, seen))
    text = generate_latest(registry).decode()
    assert exposed(text) == {told.name: told.kind for told in TABLE}
    assert value(text, "readmit_loadtest_response_time_seconds", endpoint="POST /a", quantile="0.99") == 0.09
    assert value(text, "readmit_loadtest_failures_total", endpoint="POST /a") == 1
    assert value(text, "readmit_loadtest_failovers_total") == 3


def test_the_readme_has_every_metric(generated: GeneratedText) -> None:
    """Who builds a panel looks there."""
    rows = [
        (f"`{told.name}`", told.kind, told.unit, ", ".join(f"`{label}`" for label in told.labels), told.help)
        for told in TABLE
    ]
    generated.part(README, "metrics", markdown_table(("Metric", "Kind", "Unit", "Labels", "Meaning"), rows))
