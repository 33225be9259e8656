"""What holds for all tests."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from readmit_runtime.dataset_location import SYNTHETIC_FILE

pytest_plugins = ["support.checked", "support.generated_text", "support.stack_fixtures"]

# Where `make install` puts the dataset, or links to what stands in for it.
INSTALLED_DATASET = Path(__file__).parents[1] / ".local" / "data" / "dataset.csv"


def pytest_configure() -> None:
    """Use the installed dataset unless READMIT_DATASET names one."""
    if INSTALLED_DATASET.is_file() and INSTALLED_DATASET.resolve().name != SYNTHETIC_FILE:
        os.environ.setdefault("READMIT_DATASET", str(INSTALLED_DATASET))


def in_ci() -> bool:
    """Say whether this run is a check that has to be complete."""
    return os.environ.get("CI", "").lower() in ("1", "true")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI turn a skip for want of the real dataset into a failure: green must mean that it was tested."""
    report = yield
    expected = hasattr(report, "wasxfail")
    if in_ci() and report.skipped and not expected and item.get_closest_marker("real_dataset"):
        reason = call.excinfo.value if call.excinfo else "no reason given"
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs the real dataset, which CI has to provide: {reason}"
    return report
