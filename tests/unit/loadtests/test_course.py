"""A run goes through its stages by the clock, and a scenario has to come to its end."""

import itertools
from collections import Counter
from pathlib import Path

import pytest
from readmit_load import answers, course
from readmit_load.capacity import Search
from readmit_load.course import Clock, Ended, through_stages, to_capacity
from readmit_load.figures import EndpointFigures, Generator, Window
from readmit_load.report import MEASURING_FILE, SCENARIO_FILE
from readmit_load.shapes import SHAPES, spike, steps
from readmit_load.slo import Limits


class FakeRecording:
    """Sees times that grow with the users that it is told of."""

    def __init__(self, *, starved_from: int = 10**9) -> None:
        self.outside: Counter[str] = Counter()
        self.users = 0
        self.begun = 0
        self.ended = 0
        self.given = 0
        self.present = 1.0
        self._starved_from = starved_from

    def begin(self) -> None:
        """Count it."""
        self.begun += 1

    def tick(self) -> None:
        """Nothing is noted."""

    def end(self) -> None:
        """Count it."""
        self.ended += 1

    def window(self) -> Window:
        """Give times of a tenth of a millisecond for each user."""
        self.given += 1
        ms = self.users / 10
        times = {"p50_ms": ms, "p95_ms": ms, "p99_ms": ms, "most_ms": ms}
        seen = EndpointFigures(requests=1_000, failures=0, asked=self.users * self.present, rate=self.users, **times)
        share = 0.95 if self.users >= self._starved_from else 0.5
        generator = Generator(cpu_shares={"alone": share}, machine_share=None)
        return Window(seconds=1.0, endpoints={"POST /a": seen}, generator=generator, server={})


def seconds() -> Clock:
    """Give a clock on which a second passes with each look."""
    count = itertools.count(1.0)
    return lambda: next(count)


def test_the_beginning_is_not_measured_and_the_end_gives_the_window(tmp_path: Path) -> None:
    """Whoever waits for the measurement to begin finds a file."""
    recording = FakeRecording()
    going = through_stages(steps(100, 50.0), recording, tmp_path, scenario=False, clock=seconds())
    users = []
    for moment in going:
        if isinstance(moment, Ended):
            break
        if len(users) == 2:
            assert not recording.begun
        users.append(moment[0])
    assert (tmp_path / MEASURING_FILE).exists()
    assert (recording.begun, recording.ended) == (1, 1)
    assert [key for key, _ in itertools.groupby(users)] == [20, 40, 60, 80, 100]


def test_the_load_goes_on_until_what_was_in_the_air_has_failed(tmp_path: Path) -> None:
    """A server that hangs in the last seconds has answered all that it answered, and quickly."""
    recording = FakeRecording()
    late = 0
    for moment in through_stages(steps(10, 5.0), recording, tmp_path, scenario=False, clock=seconds()):
        late += recording.given and not recording.ended and not isinstance(moment, Ended)
    assert late > answers.PATIENCE_S


def test_with_a_scenario_the_load_lasts_until_that_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that ends first proves nothing; one that never ends is given up."""
    going = through_stages(steps(10, 5.0), FakeRecording(), tmp_path, scenario=True, clock=seconds())
    for _ in range(60):
        assert not isinstance(next(going), Ended)
    (tmp_path / SCENARIO_FILE).touch()
    assert isinstance(list(itertools.islice(going, 30))[-1], Ended)
    (tmp_path / SCENARIO_FILE).unlink()
    monkeypatch.setattr(course, "SCENARIO_PATIENCE_S", 30.0)
    assert isinstance(
        list(through_stages(steps(10, 5.0), FakeRecording(), tmp_path, scenario=True, clock=seconds()))[-1], Ended
    )


@pytest.mark.parametrize(
    ("starved_from", "users", "limit"), [(10**9, 500, "slo"), (300, 299, "generator"), (700, 500, "slo")]
)
def test_a_search_ends_by_the_limits_or_by_a_starved_generator_and_says_which(
    starved_from: int, users: int, limit: str
) -> None:
    """Beyond a starved generator nothing is known, but the limits may break before."""
    recording = FakeRecording(starved_from=starved_from)
    limits = {"POST /a": Limits(p99_ms=50.0)}
    for moment in to_capacity(
        Search(first=100, most=10_000, repeats=2), recording, limits, hold_s=3.0, clock=seconds()
    ):
        if isinstance(moment, Ended):
            break
        recording.users = moment[0]
    assert moment.capacity is not None
    assert 0.94 * users <= moment.capacity.users <= users
    assert moment.capacity.limited_by == limit
    assert f"{moment.capacity.users} users" in moment.capacity.said


def test_users_that_are_not_there_have_not_held() -> None:
    """With half of the generator dead, twice the users would seem to hold."""
    recording = FakeRecording()
    recording.present = 0.5
    search = Search(first=100, most=100, repeats=1)
    for moment in to_capacity(search, recording, {"POST /a": Limits(p99_ms=50.0)}, hold_s=3.0, clock=seconds()):
        if isinstance(moment, Ended):
            break
        recording.users = moment[0]
    assert moment.capacity is not None
    assert moment.capacity.users < 2
    assert "50 of 100 users were there" in moment.capacity.trials[0].misses


def test_a_number_of_users_that_misses_once_has_a_second_chance() -> None:
    """The machine stumbled; what misses twice has not held."""
    recording = FakeRecording()
    search = Search(first=100, most=100, repeats=1)
    for moment in to_capacity(search, recording, {"POST /a": Limits(p99_ms=50.0)}, hold_s=3.0, clock=seconds()):
        if isinstance(moment, Ended):
            break
        # the first trial sees ten times as many users as there are
        recording.users = moment[0] if recording.begun > 1 else 10 * moment[0]
    assert moment.capacity is not None
    missed = [trial.held for trial in moment.capacity.trials]
    assert (moment.capacity.users, missed) == (100, [False, True])


def test_a_spike_comes_at_once_and_goes() -> None:
    """It is ten times what there is otherwise."""
    few, many, again = spike(500, 30.0)
    assert (few.users, many.users, again.users, many.at_once) == (50, 500, 50, True)


def test_every_shape_has_users_and_seconds_of_its_own() -> None:
    """`make loadtest` names none."""
    for shape in SHAPES.values():
        stages = shape.stages(shape.users, shape.seconds)
        assert sum(stage.seconds for stage in stages) == pytest.approx(shape.seconds)
        assert max(stage.users for stage in stages) == shape.users
