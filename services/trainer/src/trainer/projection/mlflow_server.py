"""Reach MLflow's server: its registry over plain HTTP, and what its own client needs in the environment.

MLflow's client is imported in a child only. The few calls about the alias are REST, so that they cost no process.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import urllib3
from readmit_runtime.errors import Transient
from readmit_runtime.settings import ObjectStoreSettings

from trainer.projection.registration import MODEL_TAG
from trainer.settings import MlflowSettings

ALIAS = "champion"
_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST"})


class MlflowRefused(Exception):
    """The server understood a request and did not do it; the text names the call and MLflow's code."""


class MlflowServer:
    """One tracking server and its registry. Calls raise Transient while it is away, MlflowRefused when it refuses."""

    def __init__(self, settings: MlflowSettings, object_store: ObjectStoreSettings) -> None:
        self._settings = settings
        self._object_store = object_store
        self.experiment = settings.experiment
        limit = urllib3.Timeout(total=settings.request_limit_s)
        self._http = urllib3.PoolManager(timeout=limit, retries=False, maxsize=2)
        self._headers = {"content-type": "application/json"}
        if settings.username is not None and settings.password is not None:
            login = f"{settings.username}:{settings.password.get_secret_value()}"
            self._headers |= urllib3.make_headers(basic_auth=login)

    def environment(self) -> Mapping[str, str]:
        """Return the variables that MLflow's own client reads, its artifacts' keys included."""
        settings, store = self._settings, self._object_store
        variables = {
            "MLFLOW_TRACKING_URI": settings.uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, round(settings.request_limit_s))),
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
            "GIT_PYTHON_REFRESH": "quiet",
            "MLFLOW_S3_ENDPOINT_URL": f"{'https' if store.secure else 'http'}://{store.endpoint}",
            "AWS_ACCESS_KEY_ID": store.access_key,
            "AWS_SECRET_ACCESS_KEY": store.secret_key.get_secret_value(),
            "AWS_DEFAULT_REGION": store.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if settings.username is not None and settings.password is not None:
            variables["MLFLOW_TRACKING_USERNAME"] = settings.username
            variables["MLFLOW_TRACKING_PASSWORD"] = settings.password.get_secret_value()
        if store.ca_file is not None:
            variables["AWS_CA_BUNDLE"] = str(store.ca_file)
        return variables

    async def answers(self) -> None:
        """Return when the server is there."""
        await self._call("GET", "experiments/get-by-name", {"experiment_name": "Default"})

    async def aliased_version(self, model: str) -> str | None:
        """Return the version that the alias names; None without the alias or the registered model."""
        found = await self._call("GET", "registered-models/get", {"name": model})
        aliases = (found or {}).get("registered_model", {}).get("aliases", [])
        return next((str(entry["version"]) for entry in aliases if entry["alias"] == ALIAS), None)

    async def model_id_of(self, model: str, version: str) -> str | None:
        """Return the model id that a version is tagged with; None without the tag or the version."""
        return (await self.version_tags(model, version)).get(MODEL_TAG)

    async def version_tags(self, model: str, version: str) -> Mapping[str, str]:
        """Return a version's tags; none without the version."""
        found = await self._call("GET", "model-versions/get", {"name": model, "version": version})
        tags = (found or {}).get("model_version", {}).get("tags", [])
        return {str(tag["key"]): str(tag["value"]) for tag in tags}

    async def set_alias(self, model: str, version: str) -> None:
        """Let the alias name this version."""
        await self._change("POST", "registered-models/alias", {"name": model, "alias": ALIAS, "version": version})

    async def delete_alias(self, model: str) -> None:
        """Take the alias away."""
        await self._change("DELETE", "registered-models/alias", {"name": model, "alias": ALIAS})

    async def tag_version(self, model: str, version: str, *, key: str, value: str) -> None:
        """Tag a version."""
        tag = {"name": model, "version": version, "key": key, "value": value}
        await self._change("POST", "model-versions/set-tag", tag)

    async def tag_model(self, model: str, *, key: str, value: str) -> None:
        """Tag the registered model."""
        await self._change("POST", "registered-models/set-tag", {"name": model, "key": key, "value": value})

    async def _change(self, method: str, path: str, fields: Mapping[str, str]) -> None:
        if await self._call(method, path, fields) is None:
            raise MlflowRefused(f"MLflow knows nothing of what {path} is about")

    async def _call(self, method: str, path: str, fields: Mapping[str, str]) -> dict[str, Any] | None:
        return await asyncio.to_thread(self._request, method, path, fields)

    def _request(self, method: str, path: str, fields: Mapping[str, str]) -> dict[str, Any] | None:
        url = f"{self._settings.uri.rstrip('/')}/api/2.0/mlflow/{path}"
        query = {"fields": fields} if method == "GET" else {"body": json.dumps(fields)}
        try:
            answer = self._http.request(method, url, headers=self._headers, **query)
        except urllib3.exceptions.HTTPError as error:
            raise Transient(f"MLflow can't be reached: {type(error).__name__}") from error
        if answer.status == 200:
            return _content(answer, path)
        code = _error_code(answer)
        if code in _ABSENT:
            return None
        if answer.status >= 500 or answer.status == 429:
            raise Transient(f"MLflow answered {answer.status} to {path}")
        raise MlflowRefused(f"MLflow answered {answer.status} {code} to {path}")


def _content(answer: urllib3.BaseHTTPResponse, path: str) -> dict[str, Any]:
    found = _object(answer)
    if found is None:
        raise Transient(f"what answers in MLflow's place gave no JSON object to {path}")
    return found


def _error_code(answer: urllib3.BaseHTTPResponse) -> str:
    return str((_object(answer) or {}).get("error_code", "without a code"))


def _object(answer: urllib3.BaseHTTPResponse) -> dict[str, Any] | None:
    try:
        found: object = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
