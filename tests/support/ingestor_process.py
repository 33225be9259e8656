"""Run a real ingestor process against real servers."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from readmit_runtime.settings import PostgresSettings

PATIENCE_S = 45.0


@asynccontextmanager
async def running_ingestor(bootstrap: str, postgres: PostgresSettings, folder: Path) -> AsyncIterator[Path]:
    """Run an ingestor, give its log, and see that it ends well when asked to.

    It reads what other tests left in the broker as well, and would take it for a wrong release without a high limit.
    """
    values = {
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "POSTGRES__HOST": postgres.host,
        "POSTGRES__PORT": str(postgres.port),
        "POSTGRES__DATABASE": postgres.database,
        "POSTGRES__USER": postgres.user,
        "POSTGRES__PASSWORD": postgres.password.get_secret_value(),
        "HTTP__PORT": "0",
        "DEAD_LETTERS_IN_A_ROW": "10000",
    }
    environment = os.environ | {f"READMIT_INGESTOR_{name}": value for name, value in values.items()}
    log = folder / "ingestor.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ingestor", env=environment, stdout=file, stderr=file
        )
    try:
        yield log
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0, log.read_text()[-3000:]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
