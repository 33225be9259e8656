"""What Locust runs: users of readmit, and at the end a verdict by `slo.yaml`. `loadtests/README.md` says how.

Exit codes: 0 all limits held, 1 nothing was asked because it could not begin, 2 a limit was missed, 3 void.
"""

import os
import random
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import locust.runners
import locust.stats
import msgspec
from locust import LoadTestShape, events
from locust.runners import LocalRunner, WorkerRunner
from readmit_load import catalogue_users, kafka_users, preflight, report, run_metrics, shapes, users
from readmit_load.balancing import Replicas
from readmit_load.capacity import Search
from readmit_load.course import Ended, Moment, through_stages, to_capacity
from readmit_load.kafka_users import IngestionUser  # by name: Locust takes a file without users for tests of pytest
from readmit_load.patients import DatasetUnusable
from readmit_load.recording import ALONE, MASTER, Recording, Spent
from readmit_load.report import Circumstances, Played, Report
from readmit_load.scenario_names import SCENARIOS
from readmit_load.server_side import ServerSide
from readmit_load.slo import Slo, SloInvalid, read_slo
from readmit_load.verdict import judge, line, verdict_of_search

REPORT_S = 1.0
SILENT_S = 3 * REPORT_S
LOOK_S = 5.0
MOST_USERS = 5_000  # each has a connection, and both sides may open only so many
locust.runners.WORKER_REPORT_INTERVAL = REPORT_S
# Locust's own steps of 1 and 10 ms are too coarse for limits of tens of milliseconds.
locust.stats.bucket_response_time = lambda ms: round(ms, 1) if ms < 200 else round(ms, -1)

ENDPOINTS = {
    "PredictUser": f"POST {users.PREDICT}",
    "BatchUser": f"POST {users.PREDICT_BATCH}",
    "ModelUser": f"GET {users.MODEL}",
    "ProbeUser": f"GET {users.READY}",
    "MlflowUser": f"POST {users.PREDICT}",  # it is held against the same limits
    "IngestionUser": f"{kafka_users.METHOD} {kafka_users.NAME}",
    "DatasetUser": f"GET {catalogue_users.DATASET}",
    "SplitsUser": f"GET {catalogue_users.SPLITS}",
    "RunsUser": f"GET {catalogue_users.RUNS}",
}
SITUATIONS = (*shapes.SHAPES, shapes.CAPACITY, *SCENARIOS)
PREDICTOR_USERS = [users.PredictUser, users.BatchUser, users.ModelUser, users.ProbeUser]
CATALOGUE_USERS = [catalogue_users.DatasetUser, catalogue_users.SplitsUser, catalogue_users.RunsUser]


@events.init_command_line_parser.add_listener
def _options(parser: ArgumentParser) -> None:
    here = Path(__file__).parent
    add = parser.add_argument
    add("--shape", default="smoke", choices=[*shapes.SHAPES, shapes.CAPACITY], help="how users come and go")
    add("--load-users", type=int, help="the most users of the shape, those of Kafka and the catalogue besides")
    add("--seconds", type=float, help="how long it is measured; in a search, each number of users")
    add("--first-users", type=int, default=100, help="where a search begins")
    add("--repeats", type=int, default=3, help="how often a search is repeated")
    add("--at-least", type=int, default=0, help="a search that finds fewer users is a miss")
    add("--slo", default=str(here / "slo.yaml"), help="the limits")
    add("--api", default="readmit", choices=["readmit", "mlflow"], help="whom the users ask")
    add("--scenario", default="", choices=["", *SCENARIOS], help="what is done to the system meanwhile")
    add("--out", default="", help="the folder for run.json", env_var="READMIT_LOADTEST_OUT")
    add("--metrics-port", type=int, default=0, help="answer Prometheus on this port")
    add("--metrics-host", default="127.0.0.1", help="the address for that; 0.0.0.0 in a container")
    add("--metrics-target", default="", help="a file in which a Prometheus looks for whom to ask (file_sd)")
    add("--kafka", default="", help="bootstrap servers; with them a user starts ingestions", env_var="READMIT_KAFKA")
    add("--batch-producer", default="", help="its base URL; with it users look into the catalogue")


class Run:
    """The run of this process."""

    recording: Recording | None = None
    report: Report | None = None
    began = Circumstances.now()


class Users(LoadTestShape):
    """Has as many users as the course of the run says."""

    def tick(self) -> Moment | None:
        """Give the next moment; None ends the run."""
        if not hasattr(self, "_course"):
            self._course = _course(self.runner.environment)
        moment = next(self._course)
        if isinstance(moment, Ended):
            Run.report = _report(self.runner.environment, moment)
            return None
        return moment


def _course(environment: Any) -> Iterator[Moment | Ended]:
    options, recording = environment.parsed_options, _recording()
    folder = Path(options.out)
    if options.shape == shapes.CAPACITY:
        search = Search(first=options.first_users, most=options.load_users or MOST_USERS, repeats=options.repeats)
        limits = environment.slo.limits(options.shape)
        return to_capacity(search, recording, limits, hold_s=options.seconds or 15.0)
    shape = shapes.SHAPES[options.shape]
    stages = shape.stages(options.load_users or shape.users, options.seconds or shape.seconds)
    beside = sum(user_class.fixed_count for user_class in environment.user_classes)
    stages = tuple(stage._replace(users=stage.users + beside) for stage in stages)
    return through_stages(stages, recording, folder, scenario=bool(options.scenario))


@events.init.add_listener
def _begin(environment: Any, **_: Any) -> None:
    options = environment.parsed_options
    replicas = Replicas([url.rstrip("/") for url in (options.host or "").split(",") if url])
    users.World.replicas, users.World.key = replicas, os.environ.get("READMIT_ACCESS_KEY", "")
    IngestionUser.bootstrap = options.kafka
    catalogue_users.CatalogueUser.base_url = options.batch_producer.rstrip("/")
    environment.user_classes = _user_classes(options)
    try:
        users.World.cohort = users.Cohort(random.SystemRandom().getrandbits(32))
        if isinstance(environment.runner, WorkerRunner):
            return
        environment.slo = _checked(options)
    except (DatasetUnusable, SloInvalid, preflight.CannotBegin) as error:
        print(f"CANNOT BEGIN: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    # Locust listens for it only once a shape has ended.
    gevent.signal_handler(signal.SIGTERM, environment.runner.quit)
    server = ServerSide(() if options.api == "mlflow" else replicas.urls, preflight.page)
    Run.recording = Recording(environment, server, ENDPOINTS)
    if options.metrics_port:
        metrics = run_metrics.RunMetrics(environment, Run.recording)
        run_metrics.serve(metrics, host=options.metrics_host, port=options.metrics_port, target=options.metrics_target)


def _checked(options: Any) -> Slo:
    """Return the limits once it is sure that there is somebody to ask; raises SloInvalid or CannotBegin."""
    names = ("load_users", "seconds", "first_users", "repeats")
    preflight.check_numbers({f"--{name.replace('_', '-')}": getattr(options, name) for name in names})
    slo = read_slo(Path(options.slo), endpoints=set(ENDPOINTS.values()), situations=SITUATIONS)
    if not options.out:
        raise preflight.CannotBegin("there is nowhere to write to; give --out FOLDER.")
    if options.kafka:
        kafka_users.check_kafka(options.kafka)
    if options.batch_producer:
        preflight.check_batch_producer(options.batch_producer)
    if options.api == "mlflow":
        preflight.check_mlflow(users.World.replicas.urls, users.World.cohort.frame())
    else:
        preflight.check_predictors(users.World.replicas.urls, users.World.key)
    folder = Path(options.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in (report.RUN_FILE, report.MEASURING_FILE, report.SCENARIO_FILE):
            (folder / left).unlink(missing_ok=True)  # a run before this one must not speak for it
    except OSError as error:
        raise preflight.CannotBegin(f"{folder} can't be written to ({error}); give another --out.") from error
    return slo


def _user_classes(options: Any) -> list[Any]:
    if options.api == "mlflow":
        return [users.MlflowUser]
    chosen: list[Any] = list(PREDICTOR_USERS)
    if options.kafka:
        chosen.append(IngestionUser)
    if options.batch_producer:
        chosen.extend(CATALOGUE_USERS)
    return chosen


def _recording() -> Recording:
    assert Run.recording is not None
    return Run.recording


@events.test_start.add_listener
def _look_now_and_then(environment: Any, **_: Any) -> None:
    if Run.recording is None:
        return
    recording = Run.recording
    process = ALONE if isinstance(environment.runner, LocalRunner) else MASTER

    def look() -> None:
        while True:
            recording.heard(process, Spent.now(), users.World.replicas.failovers)
            gevent.sleep(REPORT_S)

    gevent.spawn(look)
    gevent.spawn(recording.look_at_servers, LOOK_S)


@events.report_to_master.add_listener
def _tell(data: dict[str, Any], **_: Any) -> None:
    data["readmit"] = [*Spent.now(), users.World.replicas.failovers]


@events.worker_report.add_listener
def _hear(client_id: str, data: dict[str, Any], **_: Any) -> None:
    at, cpu_s, failovers = data["readmit"]
    _recording().heard(client_id.rpartition("_")[2], Spent(at, cpu_s), failovers)


def _report(environment: Any, ended: Ended) -> Report:
    options, recording = environment.parsed_options, _recording()
    limits = environment.slo.limits(options.shape, options.scenario)
    played, faults = None, []
    if options.scenario:
        file = Path(options.out) / report.SCENARIO_FILE
        played = (
            msgspec.json.decode(file.read_bytes(), type=Played) if file.exists() else Played(faults=["never ended"])
        )
        faults = [f"scenario {options.scenario}: {fault}" for fault in played.faults]
    wanted, there = (environment.runner.shape_last_tick or (0,))[0], environment.runner.user_count
    if there < wanted:
        faults.append(f"{there} of {wanted} users were there at the end")
    if silent := recording.silent(SILENT_S):
        of = f"{len(silent)} of {len(recording.spent)} processes"
        faults.append(f"{of} of the generator told nothing at the end: dead, or starved")
    if environment.runner.exceptions:
        worst = max(environment.runner.exceptions.values(), key=lambda each: each["count"])
        faults.append(f"the users themselves broke {worst['count']} times: {worst['msg']}")
    if ended.capacity and ended.capacity.users < max(1, options.at_least):
        faults.append(f"{ended.capacity.users} users hold the limits, fewer than {max(1, options.at_least)}")
    outside = {} if ended.capacity else dict(recording.outside)
    window = ended.window
    verdict = judge(window.endpoints, limits, window.generator, outside=outside, faults=faults)
    if ended.capacity:
        # The figure is the result; that more users break the limits is how it was found.
        verdict = verdict_of_search(ended.capacity, faults)
    title = options.scenario or options.shape
    said = line(verdict, window.endpoints, window.generator, title=title, capacity=ended.capacity)
    return Report(
        verdict=verdict,
        line=said,
        shape=options.shape,
        api=options.api,
        users=environment.runner.user_count,
        replicas=len(users.World.replicas.urls),
        scenario=options.scenario or None,
        circumstances=Run.began,
        window=window,
        limits={name: limits[name] for name in window.endpoints},
        failovers=recording.failovers,
        failures_outside=outside,
        unseen_scrapes=recording.unseen_scrapes,
        errors=recording.errors(),
        played=played,
        capacity=ended.capacity,
    )


@events.quitting.add_listener
def _end(environment: Any, **_: Any) -> None:
    if Run.recording is None:
        return
    environment.process_exit_code = 2
    if Run.report is not None:
        Run.report.write(Path(environment.parsed_options.out))
        environment.process_exit_code = Run.report.verdict.code


@events.quit.add_listener
def _say(**_: Any) -> None:
    if Run.recording is not None:
        print(Run.report.line if Run.report else "FAIL: the run was ended before its time", flush=True)
