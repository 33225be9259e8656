"""Find a model by what people type: `champion`, its version, its id, or a beginning of the id that is its own."""

import re
from collections.abc import Sequence
from typing import Protocol

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.model_rows import ChampionStatus, ModelStatus

CHAMPION = "champion"
SHORTEST = 4
HELP = f"The model's id, a beginning of it ({SHORTEST} characters or more), its version, or {CHAMPION}."

_VERSION = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_SHORT = 12


class Models(Protocol):
    """What is asked of the status views."""

    async def champion(self, model: str) -> ChampionStatus | None:
        """Return the model that serves under a name."""
        ...

    async def models_beginning(self, beginning: str) -> Sequence[ModelStatus]:
        """Return models whose id begins so; two are enough to tell that it is not unique."""
        ...

    async def model_of_version(self, model: str, version: str) -> ModelStatus | None:
        """Return the model of a version."""
        ...


async def find(text: str, models: Models, *, model: str) -> ModelStatus:
    """Return the model that `text` means; raises CommandFailed when it means none or several.

    Versions and champions are those of the name `model`; an id is the same under every name.
    """
    wanted = text.strip().lower()
    if wanted == CHAMPION:
        champion = await models.champion(model)
        if champion is None:
            raise CommandFailed(f"No {model} model serves yet; `readmit train` trains one.", code=ExitCode.USAGE)
        wanted = champion.model_id
    of_version = await models.model_of_version(model, wanted) if _VERSION.fullmatch(wanted) else None
    found = list(await models.models_beginning(wanted)) if len(wanted) >= SHORTEST else []
    if of_version is not None and of_version not in found:
        found.append(of_version)
    if len(found) == 1:
        return found[0]
    if found:
        which = " and ".join(named(candidate) for candidate in found)
        raise CommandFailed(f"{text} means {which}; give more of the id.", code=ExitCode.USAGE)
    short = f", and an id takes {SHORTEST} characters or more" if len(wanted) < SHORTEST else ""
    raise CommandFailed(
        f"There is no {model} model {text}{short}. `readmit models list` lists them.", code=ExitCode.USAGE
    )


def named(found: ModelStatus | ChampionStatus) -> str:
    """Return the model's version, where it has one, and the beginning of its id."""
    version = f"version {found.version} " if found.version else ""
    return f"{version}{short_id(found.model_id)}"


def short_id(model_id: str) -> str:
    """Return the beginning of a model's id, long enough to name it."""
    return model_id[:_SHORT]
