"""The API of a real predictor against the OpenAPI document that it serves, by schemathesis."""

import asyncio
import json
import os
import sys
from pathlib import Path

from support.model_bundles import model_bundle
from support.predictor_process import PredictorProcess, PredictorWorld

HERE = Path(__file__).parent
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
LEAST_CASES = 500


async def test_the_api_is_what_its_document_says(world: PredictorWorld, tmp_path: Path) -> None:
    """Clients are generated from the document: it may promise no more than is kept, and no less."""
    await world.promote(model_bundle(1).model_id, 1)
    async with world.predictor() as predictor:
        await predictor.serves(1)
        report = tmp_path / "report.json"
        ended, told = await _compare(predictor, report)
        paths = (await predictor.client.get("/openapi.json")).json()["paths"]
        assert await predictor.stop() == 0
    assert ended == 0, told
    found = json.loads(report.read_text())
    assert found["complete"]
    assert found["operations"]["tested"] == sum(map(len, paths.values()))
    assert found["test_cases"]["generated"] > LEAST_CASES
    accepted = {
        name: sum(phase["accepted"] for phase in rates.values()) for name, rates in found["valid_rates"].items()
    }
    assert len(accepted) == found["operations"]["tested"]
    assert all(accepted.values())


async def _compare(predictor: PredictorProcess, report: Path) -> tuple[int, str]:
    comparing = await asyncio.create_subprocess_exec(
        SCHEMATHESIS,
        *("--config-file", HERE / "schemathesis.toml", "run", f"http://127.0.0.1:{predictor.port}/openapi.json"),
        *("--continue-on-failure", "--report-json-path", report),
        cwd=report.parent,
        env=os.environ
        | {"READMIT_ACCESS_KEY": predictor.key, "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await comparing.communicate()
    return await comparing.wait(), told.decode()
