"""Hold what a consumer loop has done, for metrics, health and the watchdog to read."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class ConsumerProgress:
    """The state of one loop; written by the loop alone, on its event loop. Counters never fall."""

    started: bool = False
    """The client connected."""
    assigned: int = 0
    """Partitions held at the last turn; 0 also while the group rebalances for the first time."""
    behind: int = 0
    """Records known to wait behind those handled, at the last turn."""
    last_beat: float | None = None
    """Monotonic seconds of the loop's last turn; turns go on while it backs off, none begins while a handler runs."""
    last_commit: float | None = None
    """Monotonic seconds of the last commit that was stored."""
    attempt: int = 0
    """How often in a row the work in hand failed for a dependency; 0 when all is well."""

    records: int = 0
    """Records handled to the end."""
    groups: int = 0
    """Groups of records handled to the end."""
    commits: int = 0
    """Commits that were stored."""
    commits_lost: int = 0
    """Commits of partitions that had moved on; the new owner gets their records again."""
    commits_put_off: int = 0
    """Commits that the broker did not take; they are tried again at the next turn."""
    transients: int = 0
    """Times the work in hand had to wait for a dependency."""
    records_dropped: int = 0
    """Records polled but not handled, because their partitions were given back in between."""
    rebalances: int = 0
    """Times the group shared its partitions out anew while this was a member, its own joining included."""
    revokes_given_up: int = 0
    """Rebalances that did not wait for the group in hand to its end."""
