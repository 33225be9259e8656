"""Find out where processes listen, from /proc."""

import contextlib
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

_LISTEN = "0A"


def addresses(pids: Collection[int]) -> set[str]:
    """Return each address that one of these processes accepts connections on, e.g. `127.0.0.1:5432`."""
    sockets = {link for pid in pids for link in _sockets(pid)}
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in sockets:
                host, port = fields[1].split(":")
                found.add(f"{_host(host)}:{int(port, 16)}")
    return found


def _sockets(pid: int) -> list[str]:
    links = []
    # Both a process and one of its files may be gone by now.
    with contextlib.suppress(FileNotFoundError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                links.append(str(file.readlink()))
    return links


def _host(written: str) -> str:
    # The kernel writes words of four bytes, each in the machine's own order.
    words = [bytes.fromhex(written[at : at + 8])[::-1] for at in range(0, len(written), 8)]
    packed = b"".join(words)
    if len(packed) == 4:
        return str(IPv4Address(packed))
    address = IPv6Address(packed)
    return str(address.ipv4_mapped or address)
