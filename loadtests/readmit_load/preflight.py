"""Find out before any load whether there is somebody to ask, and whether he would answer."""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec
from readmit_contracts.predictions import Prediction, example_encounter

PATIENCE_S = 10.0


class CannotBegin(Exception):
    """The run would say nothing; the text says what is wrong and what to do."""


def page(url: str, *, key: str | None = None, content: bytes | None = None) -> str:
    """Return what an address answers by 200; raises HTTPError for another answer, OSError when there is none."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    request = Request(url, data=content, headers=headers)  # noqa: S310 - the addresses are the operator's own
    with urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - the same
        text: str = answer.read().decode()
        return text


def check_numbers(given: Mapping[str, float | None]) -> None:
    """Refuse options below 1 or without end; None is left to its default. Raises CannotBegin."""
    for option, value in given.items():
        if value is not None and not (math.isfinite(value) and value >= 1):
            raise CannotBegin(f"{option} is {value:g}; give a number of 1 or more.")


def check_predictors(urls: Sequence[str], key: str) -> None:
    """Ask each predictor as the users will; raises CannotBegin."""
    _require_addresses(urls)
    if not key:
        raise CannotBegin("READMIT_ACCESS_KEY is not set; `readmit keys create` makes a key, the local stack has one.")
    example = json.dumps(example_encounter()).encode()
    for url in urls:
        _required(f"{url}/health/ready")
        text = _required(f"{url}/v1/predict", key=key, content=example)
        try:
            msgspec.json.decode(text, type=Prediction)
        except msgspec.MsgspecError as error:
            raise CannotBegin(f"{url} answers, but not with a prediction: {error}. Is it a predictor?") from error


def check_mlflow(urls: Sequence[str], body: bytes) -> None:
    """Ask MLflow's scoring server once; raises CannotBegin."""
    _require_addresses(urls)
    for url in urls:
        _required(f"{url}/invocations", content=body)


def check_batch_producer(url: str) -> None:
    """Ask whether the batch producer is ready; raises CannotBegin."""
    _require_addresses([url])
    _required(f"{url.rstrip('/')}/health/ready")


def _require_addresses(urls: Sequence[str]) -> None:
    if not urls or not all(_is_address(url) for url in urls):
        raise CannotBegin(f"{', '.join(urls) or 'nothing'} is no address; give --host http://HOST:PORT[,http://...].")
    if len(set(urls)) < len(urls):
        raise CannotBegin(f"{', '.join(urls)}: one is there twice, and would count as two replicas.")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that is none
        return False


def _required(url: str, *, key: str | None = None, content: bytes | None = None) -> str:
    try:
        return page(url, key=key, content=content)
    except HTTPError as error:
        said = error.read().decode(errors="replace")[:300]
        meanings: dict[int, str] = {
            HTTPStatus.SERVICE_UNAVAILABLE: "it is not ready; a predictor waits for a model that is promoted",
            HTTPStatus.UNAUTHORIZED: "READMIT_ACCESS_KEY is not a key that it takes; `readmit keys list` shows those",
            HTTPStatus.NOT_FOUND: "another service listens there",
        }
        what = meanings.get(error.code, "that is no answer to a valid request")
        raise CannotBegin(f"{url} answers {error.code}: {what}. It says: {said}") from error
    except (URLError, OSError) as error:
        raise CannotBegin(f"nobody answers at {url} ({error}); give an address where a service listens.") from error
