"""Read the places and moments that people type: 2@140, 15m, 2026-01-31T08:00."""

import re
from datetime import UTC, datetime, timedelta

from readmit_runtime.topic_reader import FromOffset

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

_PLACE = re.compile(r"(\d{1,5})@(\d{1,18})")
_AGO = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def place(text: str, option: str) -> FromOffset:
    """Return a partition and an offset in it; raises CommandFailed."""
    found = _PLACE.fullmatch(text)
    if found is None:
        problem = f"{option} takes PARTITION@OFFSET, as `readmit topics tail` prints it, such as 2@140."
        raise CommandFailed(problem, code=ExitCode.USAGE)
    return FromOffset(int(found[1]), int(found[2]))


def moment_ms(text: str, now: datetime, option: str) -> int:
    """Return a moment in milliseconds since 1970; one without an offset from UTC is in UTC. Raises CommandFailed."""
    ago = _AGO.fullmatch(text)
    try:
        moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else datetime.fromisoformat(text)
        return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))
    except (ValueError, OverflowError):
        problem = f"{option} takes how long ago (30s, 15m, 2h, 7d) or a moment, such as 2026-01-31T08:00 in UTC."
        raise CommandFailed(problem, code=ExitCode.USAGE) from None
