"""The `readmit` command: parse, call, end with an exit code that means something."""

import sys

from rich.console import Console

from readmit_cli.app import build
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.stack.errors import StackError


def main() -> None:
    """Run the command line; a failure is one sentence on stderr, never a traceback."""
    try:
        build()()
    except CommandFailed as failure:
        _say(str(failure))
        sys.exit(failure.code)
    except StackError as error:
        _say(str(error))
        sys.exit(ExitCode.FAILED)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


def _say(text: str) -> None:
    # What went wrong may hold brackets and long paths: neither markup nor wrapping.
    Console(stderr=True).print(text, style="red", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
