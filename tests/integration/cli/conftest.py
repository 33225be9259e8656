"""Fixtures of the command line's tests against real servers."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from readmit_cli.verification.findings import Report
from readmit_cli.verification.store import AuditStore
from readmit_cli.verification.verify import find_run, verify_run
from readmit_runtime.database import connect
from readmit_runtime.settings import PostgresSettings
from support.batch_producer_rig import LEDGER_TABLES
from support.planned_store import PlannedStore

ROLES = {"READER": "readmit_reader", "AUDITOR": "readmit_auditor"}


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str


@pytest.fixture
async def store(database_settings, service_database, tmp_path) -> AsyncIterator[PlannedStore]:
    """Give an empty store; the ingestor's part is done in its own role."""
    admin = await connect(database_settings)
    await admin.execute(f"TRUNCATE {LEDGER_TABLES} RESTART IDENTITY")
    await admin.execute("UPDATE ingest.store SET generation = 1, reset_at = NULL")
    try:
        yield PlannedStore(admin, service_database("readmit_ingestor"), tmp_path)
    finally:
        await admin.close()


@pytest.fixture
def check(service_database) -> Callable[..., Awaitable[Report]]:
    """Give the check of a run as the auditor makes it: `await check(run_id, source)`."""

    async def verify(run_id, source) -> Report:
        connection = await connect(service_database("readmit_auditor"))
        try:
            async with AuditStore.snapshot(connection) as snapshot:
                run = await find_run(snapshot, run_id)
                return await verify_run(snapshot, run, source, lambda checked, total: None)
        finally:
            await connection.close()

    return verify


@pytest.fixture
def environment(service_database, kafka_bootstrap) -> dict[str, str]:
    """Give a process's environment in which the command finds the module's database and the real broker."""
    # Without cached bytecode each of these processes would compile all that it imports.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings = {"READMIT_CLI_KAFKA__BOOTSTRAP_SERVERS": kafka_bootstrap}
    for prefix, role in ROLES.items():
        settings |= _variables(prefix, service_database(role))
    return {**inherited, **settings}


@pytest.fixture
def readmit(environment) -> Callable[..., Awaitable[Ended]]:
    """Give the command in a process of its own, on the module's database and the real broker."""

    async def run(
        *arguments: str, interrupt_when: Callable[[], Awaitable[None]] | None = None, **changes: str
    ) -> Ended:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "readmit_cli",
            *arguments,
            env={**environment, **changes},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        if interrupt_when is not None:
            await interrupt_when()
            process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        assert b"Traceback" not in err, err.decode()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    return run


def _variables(prefix: str, settings: PostgresSettings) -> dict[str, str]:
    fields = {**settings.model_dump(include={"host", "port", "database", "user"})}
    fields["password"] = settings.password.get_secret_value()
    return {f"READMIT_CLI_{prefix}__{name.upper()}": str(value) for name, value in fields.items()}
