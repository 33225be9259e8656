"""Bad bundles against one living predictor that answers all the while."""

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter

import pytest
from readmit_contracts.bundle import bundle_key
from readmit_contracts.events import ModelLoadFailed
from readmit_contracts.topics import MODELS_LOADED
from support.bad_bundles import BadBundle, bad_bundles
from support.cohort import cohort
from support.model_bundles import model_bundle, offline_probabilities, request_of
from support.predictor_process import PredictorProcess, PredictorWorld

BUNDLES = int(os.environ.get("READMIT_BAD_BUNDLES", "50"))
SEED = int(os.environ.get("READMIT_BAD_BUNDLE_SEED", "1"))
UNDISTURBED = 200  # answers before the first bad bundle, to compare with
BETWEEN_S = 0.02  # light traffic: the machine is for the loads


class Traffic:
    """One caller that asks again and again and compares every answer with the old model's, bit for bit."""

    def __init__(self, predictor: PredictorProcess) -> None:
        rows = cohort(20, seed=3)
        self._predictor = predictor
        self._asked = list(zip(map(request_of, rows), offline_probabilities(model_bundle(1), rows), strict=True))
        self.done = asyncio.Event()
        self.durations_s: list[float] = []

    async def run(self) -> None:
        """Ask until `done`; the first answer that is not right is an error."""
        while not self.done.is_set():
            request, expected = self._asked[len(self.durations_s) % len(self._asked)]
            began = perf_counter()
            response = await self._predictor.client.post("/v1/predict", json=request)
            self.durations_s.append(perf_counter() - began)
            assert response.status_code == 200, response.text
            answer = response.json()
            assert (answer["probability"], answer["model"]["epoch"]) == (expected, 1)
            await asyncio.sleep(BETWEEN_S)

    def spread(self, first: int, last: int | None = None) -> str:
        """Say how long the answers of a stretch took, as the caller saw it."""
        ordered = sorted(self.durations_s[first:last])
        median, most = (1000 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99))
        return f"median {median:.1f} ms, 99 % within {most:.1f} ms"


async def _promote(world: PredictorWorld, bad: BadBundle, epoch: int) -> None:
    for name, content in bad.files.items():
        await world.store.put_if_absent(bundle_key(bad.model_id, name), content)
    await world.promote(bad.model_id, epoch)


def _refusal(line: str, epoch: int) -> str | None:
    """Give the reason if this line of the log says that the epoch's load failed."""
    if "model_load_failed" not in line:
        return None
    entry = json.loads(line)
    return str(entry["reason"]) if entry["epoch"] == epoch else None


async def _refused(
    predictor: PredictorProcess, epoch: int, *, read_from: int, asking: "asyncio.Task[None]"
) -> tuple[str, int]:
    """Wait until the log says why an epoch was not loaded; give the reason and where the log ends."""
    async with asyncio.timeout(120):
        while True:
            assert predictor.process.returncode is None, predictor.log.read_text()[-3000:]
            if asking.done():
                asking.result()
            with predictor.log.open() as log:
                log.seek(read_from)
                text = log.read()
            whole = text[: text.rfind("\n") + 1]
            for line in whole.splitlines():
                reason = _refusal(line, epoch)
                if reason is not None:
                    return reason, read_from + len(whole.encode())
            await asyncio.sleep(0.02)


def _children(process: int) -> str:
    """Give the ids of a process's children, where the system tells; one that ended unheeded is among them."""
    told = Path(f"/proc/{process}/task/{process}/children")
    return told.read_text() if told.exists() else ""


@pytest.mark.timeout(120 + 5 * BUNDLES)
async def test_bad_bundles_are_refused_while_the_old_model_answers(
    world: PredictorWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever can write the bucket and the topic may stop new models, but not the answers."""
    reasons: Counter[str] = Counter()
    wrong: list[str] = []
    async with world.predictor() as predictor:
        await world.promote(model_bundle(1).model_id, 1)
        await predictor.serves(1)
        traffic = Traffic(predictor)
        asking = asyncio.create_task(traffic.run())
        while len(traffic.durations_s) < UNDISTURBED and not asking.done():
            await asyncio.sleep(BETWEEN_S)
        read_from, began = 0, perf_counter()
        for epoch, bad in enumerate(bad_bundles(BUNDLES, seed=SEED), start=2):
            await _promote(world, bad, epoch)
            reason, read_from = await _refused(predictor, epoch, read_from=read_from, asking=asking)
            reasons[reason] += 1
            if reason not in bad.reasons:
                wrong.append(f"{bad.kind}: {reason}")
        took_s = perf_counter() - began
        traffic.done.set()
        await asking
        assert _children(predictor.process.pid) == ""
        await world.promote(model_bundle(2).model_id, BUNDLES + 2)
        await predictor.serves(BUNDLES + 2)
        assert await predictor.stop() == 0
    events = await world.messages(MODELS_LOADED, ModelLoadFailed)
    told = {event.epoch: event.reason for event in events if event.replica == predictor.replica}
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {SEED}: {BUNDLES} bad bundles in {took_s:.0f} s, {dict(reasons)}; {len(traffic.durations_s)} "
            f"answers: {traffic.spread(0, UNDISTURBED)} before, {traffic.spread(UNDISTURBED)} meanwhile\n"
        )
    assert wrong == []
    assert sorted(told) == list(range(2, BUNDLES + 2))
    assert len(traffic.durations_s) > BUNDLES
