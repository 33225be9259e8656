"""A pool opens its next connection by the certificate authority that its file has by then."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
from readmit_runtime.database import create_pool, transient_errors
from readmit_runtime.errors import Transient
from readmit_runtime.settings import PostgresSettings


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a key and a certificate for this machine that is its own authority."""
    key, made = folder / f"{name}.key", folder / f"{name}.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout"]
    subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, str(key), "-out", str(made), *subject], check=True, capture_output=True)
    return key, made


@asynccontextmanager
async def greeting(key: Path, made: Path) -> AsyncIterator[int]:
    """Give the port of a listener that takes up TLS as Postgres does, and then hangs up."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)

    async def take_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        with suppress(OSError):
            await writer.start_tls(context)
        writer.close()

    async with await asyncio.start_server(take_up, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def acquire(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Open a connection as a service does."""
    with transient_errors():
        async with pool.acquire():
            raise AssertionError("nobody is there to log in to")


async def test_a_renewed_ca_is_taken_without_a_restart(tmp_path: Path) -> None:
    """An operator renews it every few weeks, and no process need be told."""
    key, made = certificate(tmp_path, "renewed")
    ca = tmp_path / "ca.crt"
    ca.write_bytes(certificate(tmp_path, "before")[1].read_bytes())
    async with greeting(key, made) as port:
        settings = PostgresSettings(
            host="127.0.0.1", port=port, user="any", password="any", database="any", pool_min=0,
            ssl_mode="verify-full", ca_file=ca,
        )  # fmt: skip
        async with create_pool(settings) as pool:
            with pytest.raises(ssl.SSLCertVerificationError):
                await acquire(pool)
            ca.write_bytes(made.read_bytes())
            with pytest.raises(Transient):
                await acquire(pool)
