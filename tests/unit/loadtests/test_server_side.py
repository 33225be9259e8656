"""What the predictors counted is added up across kills, and its quantiles are Prometheus' own."""

import threading
from http.client import IncompleteRead

import pytest
from predictor.metrics import PredictorMetrics
from prometheus_client import CollectorRegistry, generate_latest
from readmit_load.server_side import ServerSide, quantile_ms


class Predictor:
    """A predictor's metrics, without the predictor."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin at nothing."""
        self.alive = True
        self.registry = CollectorRegistry()
        self.metrics = PredictorMetrics(self.registry)

    def page(self, _url: str) -> str:
        """Answer a scrape."""
        if not self.alive:
            raise ConnectionRefusedError
        return generate_latest(self.registry).decode()

    def answer(self, times: int, seconds: float, *, status: int = 200) -> None:
        """Answer some requests."""
        for _ in range(times):
            self.metrics.answered("/v1/predict", status, seconds)


def test_only_what_was_answered_after_the_moment_counts() -> None:
    """A predictor has a past."""
    predictor = Predictor()
    predictor.answer(1_000, 3.0)
    server = ServerSide(["http://p"], predictor.page)
    server.look()
    before = server.totals()
    predictor.answer(99, 0.0004)
    predictor.answer(1, 0.2, status=503)
    server.look()
    found = server.since(before)["/v1/predict"]
    assert found.requests == 100
    assert found.p50_ms < 0.5
    assert found.p99_ms == pytest.approx(0.5)


class SlowPredictor(Predictor):
    """Takes its time to send the page as it was when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def page(self, url: str) -> str:
        """Answer once it may."""
        page = super().page(url)
        self.asked.set()
        assert self.go_on.wait(5)
        return page


def test_two_looks_at_once_count_a_page_once() -> None:
    """One goes on in the background while a window ends; an older page behind a newer one looks like a new process."""
    predictor = SlowPredictor()
    server = ServerSide(["http://p"], predictor.page)
    server.look()
    predictor.answer(100, 0.001)
    predictor.asked.clear()
    predictor.go_on.clear()
    looks = [threading.Thread(target=server.look) for _ in range(2)]
    looks[0].start()
    assert predictor.asked.wait(5)
    predictor.answer(50, 0.001)
    looks[1].start()
    predictor.go_on.set()
    for look in looks:
        look.join()
    assert server.since({})["/v1/predict"].requests == 150


def test_a_page_that_breaks_off_is_a_missed_look() -> None:
    """A replica may be killed in the middle of it."""

    def broken(_url: str) -> str:
        raise IncompleteRead(b"")

    server = ServerSide(["http://p"], broken)
    server.look()
    assert server.missed == 1


def test_a_process_that_was_started_anew_is_added_to_the_one_before() -> None:
    """Its counters begin at 0, which is no negative rate."""
    predictor = Predictor()
    predictor.answer(10, 0.001)
    server = ServerSide(["http://p"], predictor.page)
    server.look()
    predictor.answer(5, 0.001)
    server.look()
    predictor.alive = False
    server.look()
    predictor.start()
    predictor.answer(7, 0.001)
    server.look()
    assert server.since({})["/v1/predict"].requests == 12
    assert server.missed == 1


def test_a_quantile_lies_within_its_bucket() -> None:
    """As `histogram_quantile` has it; beyond the last bound nothing is known."""
    counts = {0.01: 50.0, 0.02: 100.0, float("inf"): 100.0}
    assert quantile_ms(counts, 0.5) == 10.0
    assert quantile_ms(counts, 0.75) == 15.0
    assert quantile_ms({0.01: 50.0, float("inf"): 100.0}, 0.99) is None
