"""Run real trainer processes against real servers."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from readmit_runtime.settings import ObjectStoreSettings, PostgresSettings


def fit_child(scratch: Path) -> int | None:
    """Give the process id of a fit that works in a folder under `scratch`."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if b"trainer.fit" in line and str(scratch).encode() in line:
            return int(entry.parent.name)
    return None


class TrainerWorld:
    """What trainer processes need to know, and a folder for their files."""

    def __init__(
        self,
        bootstrap: str,
        postgres: PostgresSettings,
        object_store: ObjectStoreSettings,
        mlflow_uri: str,
        folder: Path,
    ) -> None:
        self.mlflow_uri = mlflow_uri
        self.scratch = folder / "scratch"
        self._folder = folder
        self._environment = {
            "READMIT_TRAINER_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "READMIT_TRAINER_POSTGRES__HOST": postgres.host,
            "READMIT_TRAINER_POSTGRES__PORT": str(postgres.port),
            "READMIT_TRAINER_POSTGRES__DATABASE": postgres.database,
            "READMIT_TRAINER_POSTGRES__USER": postgres.user,
            "READMIT_TRAINER_POSTGRES__PASSWORD": postgres.password.get_secret_value(),
            "READMIT_TRAINER_OBJECT_STORE__ENDPOINT": object_store.endpoint,
            "READMIT_TRAINER_OBJECT_STORE__ACCESS_KEY": object_store.access_key,
            "READMIT_TRAINER_OBJECT_STORE__SECRET_KEY": object_store.secret_key.get_secret_value(),
            "READMIT_TRAINER_OBJECT_STORE__BUCKET": object_store.bucket,
            "READMIT_TRAINER_OBJECT_STORE__SECURE": str(object_store.secure).lower(),
            "READMIT_TRAINER_MLFLOW__URI": mlflow_uri,
            "READMIT_TRAINER_MLFLOW__ALIAS_EVERY_S": "1",
            "READMIT_TRAINER_HTTP__PORT": "0",
            "READMIT_TRAINER_FIT__SCRATCH": str(self.scratch),
            # Longer than a crowded machine lets a process stand still: a living one must keep its job.
            "READMIT_TRAINER_JOBS__LEASE_S": "5",
            "READMIT_TRAINER_JOBS__RENEW_S": "0.5",
            "READMIT_TRAINER_JOBS__POLL_S": "0.5",
        }
        self._started = 0

    @asynccontextmanager
    async def trainer(self) -> AsyncIterator["TrainerProcess"]:
        """Start a trainer; at the end it is killed if the test did not stop it."""
        self._started += 1
        log_file = self._folder / f"trainer-{self._started}.log"
        with log_file.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "trainer", env={**os.environ, **self._environment}, stdout=log, stderr=log
            )
        try:
            yield TrainerProcess(process, log_file)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


class TrainerProcess:
    """One trainer."""

    def __init__(self, process: asyncio.subprocess.Process, log_file: Path) -> None:
        self._process = process
        self.log_file = log_file

    async def kill(self) -> None:
        """End it at once, without a chance to tidy up."""
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop and give its exit code."""
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(25):
            return await self._process.wait()

    def memory_mib(self) -> float:
        """Give its resident memory now."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
