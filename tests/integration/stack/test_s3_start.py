"""Tests of an object store that answers before it works, as MinIO does for a moment after its start."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from readmit_cli.stack import buckets
from readmit_cli.stack.credentials import Credentials
from readmit_cli.stack.environment import Addresses
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import LOOPBACK, Ports
from readmit_cli.stack.s3_server import S3Server


class StartingServer(ThreadingHTTPServer):
    """Answers each request with the next of its statuses, 200 after the last, and counts."""

    statuses: tuple[int, ...] = ()
    asked = 0


class Answer(BaseHTTPRequestHandler):
    """The answer, with the header by which MinIO sends everybody away for a minute."""

    server: StartingServer

    def answer(self) -> None:
        """Give the next status."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked = self.server.asked
        self.server.asked += 1
        self.send_response(self.server.statuses[asked] if asked < len(self.server.statuses) else 200)
        self.send_header("Retry-After", "60")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[StartingServer]:
    """Give a server on a free port."""
    with StartingServer((LOOPBACK, 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def addresses(server, tmp_path) -> Addresses:
    """Give the addresses of a stack whose object store is that server."""
    credentials = Credentials.load_or_create(tmp_path / "credentials.json")
    return Addresses(Ports(minio=server.server_port), credentials, dataset=tmp_path, spool=tmp_path / "spool")


def test_a_store_that_is_starting_is_asked_again_soon(server, addresses):
    """The first `up` of all must not end in a traceback, nor wait for the minute that the server speaks of."""
    server.statuses = (503, 503, 503)
    begun = time.monotonic()
    buckets.ensure(addresses, S3Server.MINIO)
    assert server.asked > len(server.statuses)
    assert time.monotonic() - begun < 10


def test_a_store_that_is_starting_is_not_ready(server, addresses):
    """Ready means that requests are answered, not that the port is open."""
    server.statuses = (503,)
    assert "503" in (buckets.why_not_ready(addresses) or "")


def test_a_refused_set_up_of_users_is_told_as_one(server, addresses):
    """The interface for users has errors of its own kind."""
    server.statuses = (200, 200, 403)
    with pytest.raises(StackError, match=r"refuses its set-up.*403"):
        buckets.ensure(addresses, S3Server.MINIO)
