"""End a command with a sentence for people and an exit code for scripts, never with a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from readmit_contracts.source import DatasetInvalid
from readmit_runtime.errors import Rejected, Transient
from readmit_runtime.kafka_errors import missing_right

from readmit_cli.exit_codes import ExitCode


class CommandFailed(Exception):
    """A command can't do what was asked; the text says what happened, where, and what to do next."""

    def __init__(self, text: str, *, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(text)
        self.code = code


@contextmanager
def expected() -> Iterator[None]:
    """Turn everything that can be expected to go wrong into CommandFailed; other errors pass unchanged."""
    try:
        yield
    except Transient as error:
        text = f"{error} Is the stack up? `readmit status` says what is not, `make up` starts it."
        raise CommandFailed(text, code=ExitCode.UNAVAILABLE) from error
    except Rejected as error:
        raise CommandFailed(error.detail) from error
    except DatasetInvalid as error:
        raise CommandFailed(error.detail) from error
    except asyncpg.PostgresError as error:
        text = (
            f"Postgres refuses ({type(error).__name__}, {error.sqlstate}): the login, its rights or the schema are not "
            "as they should be; `make up` brings them in order."
        )
        raise CommandFailed(text, code=ExitCode.UNAVAILABLE) from error
    except Exception as error:
        right = missing_right(error)
        if right is None:
            raise
        text = f"Kafka refuses: this login lacks the right {right}; `docs/deploy.md` says where rights are given."
        raise CommandFailed(text, code=ExitCode.UNAVAILABLE) from error
