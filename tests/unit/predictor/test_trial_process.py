"""The child that tries a bundle may do whatever it likes; what comes of it is a refusal, or another try."""

import asyncio
import sys
import time

import pytest
from predictor.promoted_bundle import PromotedBundle
from predictor.settings import TrialSettings
from predictor.trial_process import MODULE, TrialProcess, TrialUnfinished
from readmit_contracts.bundle import CALIBRATION_FILE, MODEL_FILE, BundleInvalid
from support.model_bundles import bundle_of, fetched, model_bundle

READ = "import sys, os, time; data = sys.stdin.buffer.read(); "
PARSE = (
    READ + "from predictor import promoted_bundle as b; from predictor.lightgbm_library import Booster; "
    f"Booster(b.decode(data).files[{MODEL_FILE!r}])"
)
LIMITS = TrialSettings(cpu_s=1, wall_s=20)


def _saying(code: str, settings: TrialSettings = LIMITS) -> TrialProcess:
    return TrialProcess(settings, module=("-c", code))


def _changed(name: str, content: bytes) -> PromotedBundle:
    return fetched(bundle_of({**model_bundle(1).files, name: content}))


async def test_a_sound_bundle_passes() -> None:
    """Nothing that was trained may be refused."""
    await TrialProcess(TrialSettings()).check(fetched(model_bundle(1)))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (MODEL_FILE, b"no model", "BUNDLE_INVALID"),
        (MODEL_FILE, model_bundle(2).files[MODEL_FILE], "GOLDEN_MISMATCH"),
        (CALIBRATION_FILE, b"{}", "BUNDLE_INVALID"),
    ],
    ids=["no model", "another model", "no calibration"],
)
async def test_the_child_says_why_it_refuses(name: str, content: bytes, reason: str) -> None:
    """Whoever promoted the model has to know what is wrong with it."""
    with pytest.raises(BundleInvalid) as refused:
        await TrialProcess(TrialSettings()).check(_changed(name, content))
    assert refused.value.reason == reason
    assert "tried the bundle" not in refused.value.detail


async def test_a_text_that_ends_the_library_ends_the_child_alone() -> None:
    """LightGBM reads on behind the end of a text that is cut; which signal that brings is its own affair."""
    text = model_bundle(1).files[MODEL_FILE]
    with pytest.raises(BundleInvalid, match="ended by SIG"):
        await _saying(PARSE).check(_changed(MODEL_FILE, text[: len(text) // 2]))


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (READ + "os.abort()", "ended by SIGABRT"),
        ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV"),
        (READ + "sys.exit(7)", "exit code 7"),
        (READ + "sys.exit(1)", "without an answer"),
        (READ, "without an answer"),
        (READ + "os.write(1, os.urandom(500))", "without an answer"),
        (READ + "print('{}' * 10)", "without an answer"),
        (READ + "print('{}'); sys.exit(1)", "contradicts itself"),
        (READ + 'print(\'{"reason": "GATE"}\'); sys.exit(1)', "contradicts itself"),
        (READ + 'print(\'{"reason": "BUNDLE_INVALID"}\')', "contradicts itself"),
        (READ + "print('{\"detail\": \"' + 'x' * 501 + '\"}')", "without an answer"),
        ("import os\nwhile True: os.write(1, b'x' * 65536)", "said more than 4096 bytes"),
        ("import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 3))\nwhile True: pass", "1 s of CPU time"),
    ],
)
async def test_whatever_the_child_does_becomes_a_refusal(code: str, how: str) -> None:
    """A child that ran a hostile model is hostile; it can only say that the bundle is good, or be refused."""
    with pytest.raises(BundleInvalid, match=how) as refused:
        await _saying(code).check(fetched(model_bundle(1)))
    assert refused.value.reason == "BUNDLE_INVALID"


@pytest.mark.parametrize(
    "code",
    ["import time; time.sleep(60)", "import os, time; os.close(1); time.sleep(60)", READ + "os.kill(os.getpid(), 9)"],
    ids=["asleep", "asleep and silent", "killed"],
)
async def test_what_may_be_the_machines_fault_is_tried_again(code: str) -> None:
    """A crowded machine must not refuse a good model for good."""
    with pytest.raises(TrialUnfinished):
        await _saying(code, TrialSettings(wall_s=1)).check(fetched(model_bundle(1)))


async def test_the_limits_hold_in_the_child_itself() -> None:
    """The child sets them before it reads a byte of the bundle."""
    code = (
        "import sys; from predictor import trial, promoted_bundle\n"
        "trial.promoted_bundle = type('Greedy', (), {'decode': staticmethod(lambda data: bytearray(2**31))})\n"
        "sys.exit(trial.main(sys.argv[1:]))"
    )
    with pytest.raises(BundleInvalid, match=r"needed more than 1073741824 bytes"):
        await _saying(code).check(fetched(model_bundle(1)))


async def test_a_trial_that_is_given_up_leaves_no_process() -> None:
    """A newer promotion must not wait for the trial of the one before."""
    trial = asyncio.create_task(_saying("import time; time.sleep(60)").check(fetched(model_bundle(1))))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    assert time.monotonic() - began < 10


async def test_a_descendant_that_keeps_the_output_open_holds_nobody_up() -> None:
    """A child may leave processes of its own behind; the next model must not wait for them."""
    code = READ + "import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(8)'])"
    began = time.monotonic()
    with pytest.raises(TrialUnfinished):
        await _saying(code, TrialSettings(wall_s=1)).check(fetched(model_bundle(1)))
    assert time.monotonic() - began < 7.5


async def test_a_child_that_cannot_be_started_is_the_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be no process left to have."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(TrialUnfinished, match="cannot be started"):
        await TrialProcess(LIMITS, module=MODULE).check(fetched(model_bundle(1)))
