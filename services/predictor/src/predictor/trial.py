"""Try a bundle in a process of its own, which may die of it; its start is `trial_process.py`.

The bundle comes on standard input. The answer is the exit code and one short line: a `Verdict`.
"""

import argparse
import os
import resource
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.reasons import Reason
from readmit_features import FEATURE_NAMES, FeaturesInvalid, read_features

from predictor import promoted_bundle
from predictor.model_build import build_model
from predictor.model_text import check_model_text
from predictor.promoted_bundle import PromotedBundle

EXIT_REFUSED = 1
CPU_GRACE_S = 5  # between SIGXCPU, which ends the process by default, and the kernel's SIGKILL
DETAIL_MAX = 500
_FIRST_TO_GO = "1000"  # when memory is short, the kernel shall end this process and not the one that answers


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the trial found; without a reason the bundle may be loaded."""

    reason: Reason | None = None
    detail: Annotated[str, Meta(max_length=DETAIL_MAX)] = ""


def try_bundle(bundle: PromotedBundle) -> None:
    """Return when the model can be read and scores its golden rows as written; raises BundleInvalid."""
    read = bundle.read()
    try:
        read_features(read.features)
    except FeaturesInvalid as error:
        raise BundleInvalid(Reason(error.reason), error.detail) from error
    check_model_text(read.model, features=len(FEATURE_NAMES))
    build_model(read, bundle.promotion, now=datetime.now(UTC))


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the bundle on standard input within the limits of the arguments, and return the exit code."""
    options = _parse(arguments)
    answers = _own_stdout()
    _limit(options.memory_bytes, options.cpu_s)
    try:
        try_bundle(promoted_bundle.decode(sys.stdin.buffer.read()))
    except BundleInvalid as error:
        verdict = Verdict(reason=error.reason, detail=error.detail[:DETAIL_MAX])
    except MemoryError:
        detail = f"The trial of the bundle needed more than {options.memory_bytes} bytes; train again."
        verdict = Verdict(reason=Reason.BUNDLE_INVALID, detail=detail)
    else:
        verdict = Verdict()
    os.write(answers, msgspec.json.encode(verdict))
    return 0 if verdict.reason is None else EXIT_REFUSED


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A child of the predictor; the predictor starts it.")
    parser.add_argument("--memory-bytes", type=int, required=True, help="Address space at most, in bytes.")
    parser.add_argument("--cpu-s", type=int, required=True, help="CPU time of all threads at most, in seconds.")
    return parser.parse_args(arguments)


def _own_stdout() -> int:
    """Keep standard output for the answer, and send what libraries print there to standard error."""
    own = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _limit(memory_bytes: int, cpu_s: int) -> None:
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text(_FIRST_TO_GO)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + CPU_GRACE_S))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
