"""Say what `readmit` ends with, so that a script can tell what became of its command."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Every exit code of the `readmit` command."""

    DONE = 0
    """What was asked for is done, or is so."""
    FAILED = 1
    """It was refused, it failed, or what was to be proven is not so; the output says what and why."""
    USAGE = 2
    """The command line is wrong, or names something that does not exist; nothing was done."""
    STORE_RESET = 3
    """The store was reset since that run, so nothing is left to compare; only `ingest verify` ends so."""
    UNAVAILABLE = 4
    """A part of the stack can't be reached or does not answer; the same command may succeed later."""
    INTERRUPTED = 130
    """Ctrl-C ended the waiting; what was asked for goes on."""
