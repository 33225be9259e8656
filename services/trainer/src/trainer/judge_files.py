"""Name and shape the files by which a verdict is asked for and given."""

from pathlib import Path

import msgspec
from readmit_contracts.fields import ModelId

from trainer.decision import Decision

JUDGE_FILE = "judge.json"
DECISION_FILE = "decision.json"
CHALLENGER_FOLDER = "challenger"
CHAMPION_FOLDER = "champion"


class JudgeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to judge on the validation rows of the frame beside this file."""

    challenger: ModelId
    champion: ModelId | None


def write_judge_request(workdir: Path, request: JudgeRequest) -> None:
    """Write the request into the folder that the child gets."""
    (workdir / JUDGE_FILE).write_bytes(msgspec.json.encode(request))


def read_decision(workdir: Path) -> Decision:
    """Return what the gate decided; raises msgspec.DecodeError."""
    return msgspec.json.decode((workdir / DECISION_FILE).read_bytes(), type=Decision)
