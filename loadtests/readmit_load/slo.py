"""Read what each endpoint has to hold."""

import math
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

Override = dict[str, float | None]


class SloInvalid(Exception):
    """The file can't be held against a run; the text says what is wrong with it."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one endpoint has to hold: milliseconds, a share, requests a second of each user; None is not judged."""

    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    failure_share: float = 0.0
    least_rate_per_user: float | None = None


class Slo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits by endpoint, `POST /v1/predict`, and what is different during a shape or a scenario."""

    endpoints: dict[str, Limits]
    during: dict[str, dict[str, Override]] = {}

    def limits(self, *during: str) -> Mapping[str, Limits]:
        """Return the limits that hold during a shape, a scenario, or both; the last one named has the last word."""
        changed = {name: msgspec.to_builtins(limits) for name, limits in self.endpoints.items()}
        for situation in during:
            for name, changes in self.during.get(situation, {}).items():
                changed[name] |= changes
        return {name: msgspec.convert(limits, Limits) for name, limits in changed.items()}


def read_slo(path: Path, *, endpoints: Collection[str], situations: Collection[str]) -> Slo:
    """Return the file's content; raises SloInvalid for what can't be read, an unknown name, or an endpoint left out.

    `situations` are the shapes and scenarios that there are.
    """
    try:
        slo = msgspec.yaml.decode(path.read_bytes(), type=Slo)
    except OSError as error:
        raise SloInvalid(f"{path} can't be read: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise SloInvalid(f"{path} does not say what has to be held: {error}") from error
    named = [*slo.endpoints, *(name for changes in slo.during.values() for name in changes)]
    _require_known(path, "endpoint", named, endpoints)
    _require_known(path, "shape or scenario", slo.during, situations)
    missing = sorted(set(endpoints) - set(slo.endpoints))
    if missing:
        raise SloInvalid(f"{path} says nothing of {', '.join(missing)}; give limits for each endpoint.")
    _require_judgeable(path, slo)
    try:
        slo.limits(*slo.during)
    except msgspec.MsgspecError as error:
        raise SloInvalid(f"{path} does not say what has to be held: {error}") from error
    return slo


def _require_judgeable(path: Path, slo: Slo) -> None:
    """Refuse a limit that nothing can exceed, as .nan and .inf are, or that nothing can hold."""
    given = [(name, msgspec.to_builtins(limits)) for name, limits in slo.endpoints.items()]
    given += [each for changes in slo.during.values() for each in changes.items()]
    for endpoint, limits in given:
        for name, value in limits.items():
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise SloInvalid(f"{path} gives {endpoint} the {name} {value}; give a number of 0 or more.")


def _require_known(path: Path, kind: str, named: Collection[str], known: Collection[str]) -> None:
    unknown = sorted(set(named) - set(known))
    if unknown:
        raise SloInvalid(
            f"{path} names the {kind} {unknown[0]!r}, which nobody has; there are: {', '.join(sorted(known))}."
        )
