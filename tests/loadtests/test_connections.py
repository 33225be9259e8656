"""A user keeps its connection, however many others there are."""

import subprocess

from readmit_load.locust_process import LOCUST, environment

MANY = """
import resource, socket
from gevent import monkey
monkey.patch_all()
import gevent.socket
from geventhttpclient.connectionpool import ConnectionPool
from readmit_load import connections

resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
held = [socket.socket() for _ in range(1100)]
mine, other = gevent.socket.socketpair()
assert mine.fileno() > 1024
pool = ConnectionPool("127.0.0.1", 1, "127.0.0.1", 1)
{keep}
idle = pool._is_socket_alive(mine)
other.close()
print(idle, pool._is_socket_alive(mine))
"""


def looked_at(keep: str) -> str:
    """Look at a connection with a high descriptor, while it is idle and once it is closed."""
    words = [LOCUST.parent / "python", "-c", MANY.format(keep=keep)]
    return subprocess.run(
        words, env=environment("", None), capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def test_an_idle_connection_is_kept_and_a_closed_one_is_not() -> None:
    """One that is opened anew for each request is another load than the one that was asked for."""
    assert looked_at("connections.keep_all()") == "True False"


def test_the_library_still_needs_to_be_helped() -> None:
    """Once it does not, `readmit_load.connections` goes."""
    assert looked_at("") == "False False"
