"""What can't be asked is told before any load."""

import io
from email.message import Message
from urllib.error import HTTPError

import pytest
from readmit_load import preflight
from readmit_load.preflight import CannotBegin, check_numbers, check_predictors

URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("urls", "key", "said"),
    [
        ([], "k", "nothing is no address"),
        (["127.0.0.1:80"], "k", "is no address"),
        (["http://"], "k", "is no address"),
        (["http://127.0.0.1:port"], "k", "is no address"),
        ([URL, URL], "k", "one is there twice"),
        ([URL], "", "READMIT_ACCESS_KEY is not set"),
    ],
)
def test_what_was_not_given_is_named(urls: list[str], key: str, said: str) -> None:
    """A user who asks nobody fails with whatever the client says first."""
    with pytest.raises(CannotBegin, match=said):
        check_predictors(urls, key)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ConnectionRefusedError(111, "refused"), "nobody answers at http://127.0.0.1:1/health/ready"),
        (HTTPError(URL, 503, "", Message(), io.BytesIO(b"no model")), "it is not ready.*no model"),
        (HTTPError(URL, 401, "", Message(), io.BytesIO(b"")), "is not a key that it takes"),
        (HTTPError(URL, 404, "", Message(), io.BytesIO(b"")), "another service listens there"),
        (HTTPError(URL, 499, "", Message(), io.BytesIO(b"")), "answers 499: that is no answer to a valid request"),
        ("{}", "not with a prediction"),
    ],
)
def test_a_predictor_that_would_not_answer_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | str, said: str
) -> None:
    """A wrong address, a missing key and a missing model look alike once there are a thousand users."""

    def page(_url: str, **_: object) -> str:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(preflight, "page", page)
    with pytest.raises(CannotBegin, match=said):
        check_predictors([URL], "k")


@pytest.mark.parametrize("value", [0, -5, 0.01, float("nan"), float("inf")])
def test_a_number_that_makes_no_run_is_refused(value: float) -> None:
    """0 would silently be the default, and a run of a moment is green with hardly a request."""
    check_numbers({"--load-users": 1, "--seconds": None})
    with pytest.raises(CannotBegin, match=r"--seconds is .*; give a number of 1 or more"):
        check_numbers({"--seconds": value})
