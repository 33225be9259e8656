"""Hold what was seen of a run."""

import math
from collections.abc import Mapping

import msgspec

from readmit_load.server_side import ServerFigures


class EndpointFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the users saw of one endpoint while it was measured.

    `asked` is how many user-seconds its users were there: at one request a second each, the requests asked for.
    """

    requests: int
    failures: int
    asked: float
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    most_ms: float


class Generator(msgspec.Struct, frozen=True, kw_only=True):
    """How much the processes that made the load had to do themselves.

    `cpu_shares` are those of a core, by process; `machine_share` is how busy all cores were, whoever used them, and
    `stolen_share` how much of them the host of a virtual machine gave to others.
    """

    cpu_shares: dict[str, float]
    machine_share: float | None
    stolen_share: float | None = None

    @property
    def most(self) -> float:
        """The share of the busiest process."""
        return max(self.cpu_shares.values(), default=0.0)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen from one moment to another."""

    seconds: float
    endpoints: dict[str, EndpointFigures]
    generator: Generator
    server: dict[str, ServerFigures]


def percentile(times: Mapping[float, int], share: float) -> float:
    """Return the smallest time that this share of all does not exceed, 0 when there is none; `times` has counts."""
    wanted = math.ceil(share * sum(times.values()))
    seen = 0
    for time in sorted(times):
        seen += times[time]
        if seen >= wanted:
            return time
    return 0.0


def figures_of(
    times: Mapping[float, int], *, requests: int, failures: int, asked: float, seconds: float
) -> EndpointFigures:
    """Return the figures of an endpoint by the times of its requests in milliseconds."""
    return EndpointFigures(
        requests=requests,
        failures=failures,
        asked=round(asked, 1),
        rate=round(requests / seconds, 2) if seconds else 0.0,
        p50_ms=percentile(times, 0.5),
        p95_ms=percentile(times, 0.95),
        p99_ms=percentile(times, 0.99),
        most_ms=max(times, default=0.0),
    )
