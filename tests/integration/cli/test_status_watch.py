"""`readmit status --watch` as people see it: in a terminal, while parts go away and come back."""

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from readmit_cli.exit_codes import ExitCode
from support.generated_text import ROOT
from support.terminal_process import TerminalProcess

WATCH = (sys.executable, "-m", "readmit_cli", "status", "--watch", "--interval", "0.5")
PROMETHEUS = ROOT / ".local" / "bin" / "prometheus"
ALWAYS = """
groups:
  - name: test
    rules:
      - alert: Always
        expr: vector(1)
        labels: {severity: critical}
        annotations: {summary: Something is so., runbook: docs/runbooks/always.md}
"""


@pytest.fixture
def free_port() -> int:
    """Give a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@asynccontextmanager
async def way(port: int, host: str, to_port: int) -> AsyncIterator[None]:
    """Let a port lead to a server for the length of the block; then every connection is cut."""
    open_ways = []

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                sink.write(data)
        sink.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, to_port)
        open_ways.extend((writer, back))
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for writer in open_ways:
            writer.transport.abort()


@asynccontextmanager
async def prometheus(port: int, folder: Path) -> AsyncIterator[None]:
    """Run a Prometheus with one alert, which always fires, for the length of the block."""
    (folder / "rules.yml").write_text(ALWAYS)
    (folder / "prometheus.yml").write_text('{global: {evaluation_interval: 1s}, rule_files: ["rules.yml"]}')
    arguments = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(PROMETHEUS, *arguments, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        server.terminate()
        await server.wait()


def has(*texts: str) -> Callable[[str], bool]:
    """Give the expectation that all of this is on the screen."""
    return lambda screen: all(text in screen for text in texts)


async def test_the_screen_goes_on_without_postgres_and_shows_it_again_when_it_is_back(store, environment, free_port):
    """And Ctrl-C is a clean end: code 0, and the terminal is as it was."""
    through = {"READMIT_CLI_READER__HOST": "127.0.0.1", "READMIT_CLI_READER__PORT": str(free_port)}
    server = (environment["READMIT_CLI_READER__HOST"], int(environment["READMIT_CLI_READER__PORT"]))
    async with TerminalProcess.start(*WATCH, env={**environment, **through}) as watch:
        async with way(free_port, *server):
            await watch.shows(has("No run yet", "No training job yet", "No model serves yet", "generation 1"))
        away = await watch.shows(has(f"127.0.0.1:{free_port}", "make up"))
        assert "generation 1" not in away
        async with way(free_port, *server):
            await watch.shows(has("No run yet", "generation 1"))
            assert await watch.interrupt() == ExitCode.DONE
    assert "Traceback" not in watch.written
    assert watch.written.rstrip().endswith("\x1b[?1049l")  # back from the alternate screen


async def test_the_screen_goes_on_without_kafka(store, environment, free_port):
    """The lag says so, the rest is there."""
    changes = {"READMIT_CLI_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"}
    async with TerminalProcess.start(*WATCH, env={**environment, **changes}) as watch:
        shown = await watch.shows(has("lag  Kafka", "make up", "generation 1"))
        assert max(map(len, shown.splitlines())) <= 80
        assert await watch.interrupt() == ExitCode.DONE


async def test_the_screen_shows_the_alerts_that_fire_and_goes_on_without_prometheus(
    store, environment, free_port, tmp_path
):
    """Who watches the screen looks at no other page."""
    changes = {"READMIT_CLI_PROMETHEUS": f"http://127.0.0.1:{free_port}"}
    async with TerminalProcess.start(*WATCH, env={**environment, **changes}) as watch:
        await watch.shows(has(f"alerts  No alerts from http://127.0.0.1:{free_port}", "make up", "generation 1"))
        async with prometheus(free_port, tmp_path):
            shown = await watch.shows(has("critical  Always, since", "Something is so.", "generation 1"))
            assert "No alerts from" not in shown
            assert await watch.interrupt() == ExitCode.DONE


async def test_sigterm_ends_the_watch_as_ctrl_c_does(store, environment):
    """A terminal that stays on the alternate screen looks broken to whoever gets it back."""
    async with TerminalProcess.start(*WATCH, env=environment) as watch:
        await watch.shows(has("generation 1"))
        assert await watch.terminate() == ExitCode.DONE
    assert "Traceback" not in watch.written
    assert watch.written.rstrip().endswith("\x1b[?1049l")


async def test_machines_get_an_object_a_line_as_status_gives_it(readmit, environment, store):
    """One format, once or again and again; without a terminal there is nothing else."""
    once = json.loads((await readmit("status", "--json")).out)
    process = await asyncio.create_subprocess_exec(*WATCH, "--json", env=environment, stdout=asyncio.subprocess.PIPE)
    lines = [json.loads(await process.stdout.readline()) for _ in range(2)]
    process.terminate()
    await process.communicate()
    assert process.returncode == ExitCode.DONE
    assert [line.keys() for line in lines] == [once.keys()] * 2
    assert lines[0]["at"] < lines[1]["at"]
    assert lines[0]["store"] == once["store"]
    refused = await readmit("status", "--watch")
    assert refused.code == ExitCode.USAGE
    assert "--json" in refused.err
