"""The dataset's file is read when needed and not more often."""

import asyncio
import os
from pathlib import Path

import pytest
from batch_producer.dataset_file import DatasetFile
from readmit_contracts.reasons import Reason
from readmit_contracts.source import DatasetInvalid
from support.skeleton_dataset import write_skeleton


async def test_an_unchanged_file_is_read_once_for_all(tmp_path: Path) -> None:
    """Reading and cutting take half a second of CPU; every request asks for it."""
    dataset = DatasetFile(write_skeleton(tmp_path / "d.csv", train=3))

    first, second = await asyncio.gather(dataset.read(), dataset.read())

    assert first is second
    assert await dataset.read() is first


async def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    """A mount that changed under a running service must not go unseen, also with the same size."""
    path = write_skeleton(tmp_path / "d.csv", train=3)
    dataset = DatasetFile(path)
    before = await dataset.read()
    write_skeleton(path, train=3, first=4)
    os.utime(path, ns=(1, 1))

    assert (await dataset.read()).sha256 != before.sha256


async def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    """It names the reason that refusals and failed runs carry."""
    dataset = DatasetFile(tmp_path / "none.csv")

    with pytest.raises(DatasetInvalid, match=r"none\.csv") as missing:
        await dataset.read()

    assert missing.value.reason == Reason.DATASET_MISSING


async def test_a_file_that_comes_back_is_read(tmp_path: Path) -> None:
    """An error is not kept: nobody should have to restart the service."""
    dataset = DatasetFile(tmp_path / "d.csv")
    await dataset.prepare()
    write_skeleton(tmp_path / "d.csv", train=3)

    assert (await dataset.read()).rows("train") == 3
