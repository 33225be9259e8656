"""Fit one small model in a child process, once for all tests that look at what a fit leaves behind."""

import asyncio

import pytest
from support.small_fit import FitFolder, prepare_fit
from trainer.progress import Progress
from trainer.training_process import ChildLimits, run


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> FitFolder:
    """A model fitted by a child process."""
    folder = prepare_fit(tmp_path_factory.mktemp("fit"))
    progress: list[Progress] = []
    asyncio.run(run("trainer.fit", folder, limits=ChildLimits(), on_progress=progress.append))
    return FitFolder(folder, progress)
