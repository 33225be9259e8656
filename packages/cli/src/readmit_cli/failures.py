"""End a command with a sentence for people and an exit code for scripts, never with a traceback."""

from readmit_cli.exit_codes import ExitCode


class CommandFailed(Exception):
    """A command can't do what was asked; the text says what happened, where, and what to do next."""

    def __init__(self, text: str, *, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(text)
        self.code = code
