"""Ask each part of the stack whether it does its work: a real request, not an open port."""

import socket
import struct
import time
from collections.abc import Callable

import httpx
import psycopg

from readmit_cli.stack.connections import DatabaseConnection
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import LOOPBACK

# Answers None when the part is ready, else a short reason.
Probe = Callable[[], str | None]

PROBE_TIMEOUT_S = 2.0
POLL_S = 0.1

# Kafka protocol, Metadata request version 1 for no topic: header (api 3, version 1, correlation id 1, client id
# "readmit") and an empty list of topics. The answer: length, correlation id, number of brokers, ...
_METADATA_REQUEST = struct.pack(">hhih7si", 3, 1, 1, 7, b"readmit", 0)
_METADATA_ANSWER = struct.Struct(">iii")


def kafka(port: int) -> str | None:
    """Ask the broker for the cluster's metadata; ready when it lists a broker, which a fenced one is not."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=PROBE_TIMEOUT_S) as connection:
            connection.sendall(struct.pack(">i", len(_METADATA_REQUEST)) + _METADATA_REQUEST)
            answer = _read(connection, _METADATA_ANSWER.size)
    except OSError as error:
        return f"no metadata from {LOOPBACK}:{port}: {error}"
    _, _, brokers = _METADATA_ANSWER.unpack(answer)
    return None if brokers > 0 else "the broker is not let in by its controller yet"


def postgres(connection: DatabaseConnection) -> str | None:
    """Log in and run a statement."""
    try:
        with psycopg.connect(connection.url(), connect_timeout=int(PROBE_TIMEOUT_S)) as session:
            session.execute("SELECT 1")
    except psycopg.Error as error:
        return str(error).strip() or type(error).__name__
    return None


def http(url: str) -> str | None:
    """Fetch a health address."""
    try:
        answer = httpx.get(url, timeout=PROBE_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        return f"{url}: {error}"
    return None if answer.is_success else f"{url} answers {answer.status_code}"


def airflow(url: str, component: str) -> str | None:
    """Ask Airflow's server for the heartbeat of another of its programs."""
    health = f"{url}/api/v2/monitor/health"
    try:
        answer = httpx.get(health, timeout=PROBE_TIMEOUT_S, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        return f"{health}: {error}"
    status = answer.json()[component]["status"]
    return None if status == "healthy" else f"{health} says of {component}: {status}"


def wait(what: str, probe: Probe, *, timeout_s: float, why_hopeless: Probe) -> None:
    """Ask until the part is ready.

    `why_hopeless` answers why waiting is pointless, None while it is not.
    Raises StackError with that reason, or with the probe's last one when the time is over.
    """
    deadline = time.monotonic() + timeout_s
    while (reason := probe()) is not None:
        hopeless = why_hopeless()
        if hopeless is not None:
            raise StackError(f"{what} does not start: {hopeless}")
        if time.monotonic() > deadline:
            raise StackError(f"{what} is not ready after {timeout_s:.0f} s: {reason}")
        time.sleep(POLL_S)


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionError("closed before the answer was whole")
        received += part
    return received
