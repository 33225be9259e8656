"""What the trainer makes of whatever answers in MLflow's place."""

import pytest
import urllib3
from readmit_runtime.errors import Transient
from readmit_runtime.settings import ObjectStoreSettings
from trainer.projection.mlflow_server import MlflowRefused, MlflowServer
from trainer.settings import MlflowSettings

STORE = ObjectStoreSettings(endpoint="localhost:9", access_key="test", secret_key="test", bucket="test")


@pytest.mark.parametrize(
    ("status", "error"), [(200, Transient), (502, Transient), (403, MlflowRefused), (404, MlflowRefused)]
)
@pytest.mark.parametrize("body", [b"<html>", b'["no"]', b'"no"', b"\xff"])
async def test_an_answer_that_is_not_mlflows_does_not_end_the_trainer(monkeypatch, status, error, body):
    """A proxy in front of it has a say, too."""

    def answer(*_request: object, **_fields: object) -> urllib3.HTTPResponse:
        return urllib3.HTTPResponse(body=body, status=status)

    monkeypatch.setattr(urllib3.PoolManager, "request", answer)
    server = MlflowServer(MlflowSettings(uri="http://mlflow.test"), STORE)
    with pytest.raises(error):
        await server.aliased_version("readmission")
