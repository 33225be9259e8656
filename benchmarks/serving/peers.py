"""Other ways to serve the same model, each as its documentation has it, with access logs and telemetry off.

What they run is in `benchmarks/peers/`: a folder and an environment for those whose pins agree.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readmit_contracts.bundle import FEATURES_FILE
from readmit_features import RecordEncoder, read_features
from serving.fitting import Fitted
from serving.systems import UVICORN

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Peer:
    """How one is started, asked and read.

    `command` has `{port}` where the port belongs; `body` makes a request of a raw record, `score` finds the model's
    score in the answer; `goals` are those of `systems.System`.
    """

    name: str
    title: str
    environment: str
    command: Sequence[str]
    path: str
    body: Callable[[Record], Any]
    score: Callable[[Any], float]
    goals: Mapping[int, float]


def frame_of(records: Sequence[Record]) -> dict[str, Any]:
    """Return the body in which MLflow takes records as a frame."""
    return {"dataframe_split": {"columns": list(records[0]), "data": [list(record.values()) for record in records]}}


def peers_of(fitted: Fitted) -> tuple[Peer, ...]:
    """Return all of them. MLServer is sent the encoded row, which is less work than the others have."""
    encoder = RecordEncoder(read_features(fitted.bundle.files[FEATURES_FILE]))

    def tensor_of(record: Record) -> dict[str, Any]:
        row = [None if math.isnan(value) else value for value in encoder.encode(record).tolist()]
        return {"inputs": [{"name": "row", "shape": [1, len(row)], "datatype": "FP64", "data": row}]}

    return (
        Peer(
            "mlflow",
            "mlflow models serve, pyfunc with pandas",
            "raw_records",
            ("mlflow", "models", "serve", "-m", "mlflow", "--env-manager", "local", "-w", "1", "-p", "{port}"),
            "/invocations",
            lambda record: frame_of([record]),
            lambda said: said["predictions"][0],
            {1: 80, 8: 80},
        ),
        Peer(
            "fastapi_pandas",
            "FastAPI, pydantic, pandas",
            "raw_records",
            ("uvicorn", *UVICORN, "fastapi_pandas:app", "--port", "{port}"),
            "/predict",
            lambda record: record,
            lambda said: said["score"],
            {1: 50, 8: 50},
        ),
        Peer(
            "bentoml",
            "BentoML, pydantic, our lookups",
            "raw_records",
            ("bentoml", "serve", "bentoml_service:Readmission", "--port", "{port}"),
            "/predict",
            lambda record: {"encounter": record},
            lambda said: said["score"],
            {1: 6, 8: 10},
        ),
        Peer(
            "mlserver",
            "MLServer, sent the encoded row",
            "mlserver",
            ("mlserver", "start", "mlserver"),  # its ports come by the environment
            "/v2/models/readmission/infer",
            tensor_of,
            lambda said: said["outputs"][0]["data"][0],
            {1: 3, 8: 4},
        ),
        Peer(
            "fastapi_lookups",
            "FastAPI, pydantic, our lookups",
            "raw_records",
            ("uvicorn", *UVICORN, "fastapi_lookups:app", "--port", "{port}"),
            "/predict",
            lambda record: record,
            lambda said: said["score"],
            {},
        ),
    )
