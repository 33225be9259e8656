"""The lag exporter as a process, on a real broker."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from readmit_cli.exit_codes import ExitCode
from readmit_contracts.topics import TRAINING_EVENTS
from support.lag_rig import LagRig
from support.stack import free_ports

LIMIT_S = 30.0
AT_ONCE_S = 5.0


@pytest.fixture
async def exporter(kafka_bootstrap) -> AsyncIterator[str]:
    """Give the address of a running exporter, which ends in order when it is asked to."""
    async with running(kafka_bootstrap) as (address, _process):
        yield address


@asynccontextmanager
async def running(bootstrap: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Run an exporter for the length of the block; then it has to end in order."""
    port = free_ports().lag_exporter
    environment = {
        **os.environ,
        "READMIT_LAG_EXPORTER_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "READMIT_LAG_EXPORTER_HTTP__PORT": str(port),
        "READMIT_LAG_EXPORTER_INTERVAL_S": "1",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "readmit_cli", "lag-exporter", env=environment)
    try:
        yield f"http://127.0.0.1:{port}", process
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), LIMIT_S) == ExitCode.DONE
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def scraped(address: str, name: str, group: str) -> dict[str, float]:
    """Give a metric's values of a group by partition, none before it is told of."""
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            text = (await client.get(f"{address}/metrics")).raise_for_status().text
        except httpx.TransportError:
            return {}
    return {
        sample.labels["partition"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels.get("consumergroup") == group
    }


async def test_a_group_that_falls_behind_is_told_to_prometheus_as_to_people(exporter, kafka_bootstrap, readmit):
    """There is one way to count lag."""
    group = f"group.{uuid4().hex}"
    async with LagRig.open(kafka_bootstrap) as rig:
        rig.topic = TRAINING_EVENTS.name
        end = (await rig.report()).offsets[0].end
        await rig.write(600, 60)
        await rig.commit(group, {0: end})
        async with asyncio.timeout(LIMIT_S):
            while (await scraped(exporter, "kafka_consumergroup_lag", group)).get("0") != 2:
                await asyncio.sleep(0.2)
    ages = await scraped(exporter, "readmit_lag_exporter_oldest_waiting_age_seconds", group)
    assert 600 <= ages["0"] < 600 + LIMIT_S
    (row,) = json.loads((await readmit("topics", "lag", "--group", group, "--json")).out)
    told = await scraped(exporter, "kafka_consumergroup_lag", group)
    assert {str(part["partition"]): part["waiting"] for part in row["partitions"]} == told


async def test_a_setting_that_is_not_valid_is_named(readmit):
    """The supervisor's log has to say which."""
    ended = await readmit("lag-exporter", READMIT_LAG_EXPORTER_INTERVAL_S="0")
    assert ended.code == ExitCode.USAGE
    assert "READMIT_LAG_EXPORTER_INTERVAL_S" in ended.err


async def test_it_ends_at_once_while_a_broker_accepts_and_stays_silent():
    """Whoever stops it must not wait for Kafka, nor be told of a crash."""
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as broker:
        host, port = broker.sockets[0].getsockname()
        async with running(f"{host}:{port}"):
            await asyncio.wait_for(asked.wait(), LIMIT_S)
            begun = time.monotonic()
        assert time.monotonic() - begun < AT_ONCE_S
