"""Keep every connection of the users open, also where there are more than a thousand."""

from typing import Any

from gevent.monkey import get_original
from geventhttpclient.connectionpool import ConnectionPool

_POLLIN = 1
_poll = get_original("select", "poll")


def keep_all() -> None:
    """Have a connection looked at by poll() before it is used again.

    geventhttpclient asks select(), which takes no descriptor from 1,024 on: those were dead to it, and it opened
    another connection for each of their requests, as no caller would.
    """
    ConnectionPool._is_socket_alive = _is_alive


def _is_alive(_: ConnectionPool, connection: Any) -> bool:
    """Tell an idle connection from one that is closed, or has something to say that nobody asked for."""
    try:
        look = _poll()
        look.register(connection, _POLLIN)
        return not look.poll(0)
    except (OSError, ValueError):
        return False
