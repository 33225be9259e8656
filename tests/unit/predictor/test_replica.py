import asyncio
import re
from datetime import UTC, datetime

import msgspec
import pytest
from predictor.replica import ReplicaReporter, replica_name
from readmit_contracts.events import ReplicaReported
from readmit_contracts.fields import ReplicaName
from readmit_features import SUPPORTED_VERSIONS
from readmit_runtime.producer import DeliveryUnknown
from support.model_bundles import LINEAGE, model_bundle, promotion
from support.predictor_rig import REPLICA, PredictorRig, eventually, loaded

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _reporter(rig: PredictorRig) -> ReplicaReporter:
    return ReplicaReporter(
        replica=REPLICA,
        model="readmission",
        serving=rig.serving,
        is_loading=lambda: rig.loader.busy,
        producer=rig.producer,
        interval_s=0.005,
        metrics=rig.metrics,
    )


async def _until(rig: PredictorRig, stop: asyncio.Event, *, reports: int) -> None:
    await eventually(lambda: len(rig.sent(ReplicaReported)) >= reports)
    stop.set()


async def test_a_replica_reports_from_the_start_and_says_when_it_stops() -> None:
    """The trainer waits for living replicas, so one that waits for its first model must be seen too."""
    rig, stop = PredictorRig(), asyncio.Event()
    await asyncio.gather(_reporter(rig).run(stop), _until(rig, stop, reports=3))
    reports = rig.sent(ReplicaReported)
    assert [report.status for report in reports] == ["waiting"] * (len(reports) - 1) + ["stopping"]
    assert reports[0].feature_versions == SUPPORTED_VERSIONS
    assert (reports[0].epoch, reports[0].model_id, reports[0].lineage) == (None, None, None)


async def test_a_report_names_what_answers() -> None:
    """Convergence is judged by this."""
    rig, stop = PredictorRig(), asyncio.Event()
    rig.serving.swap(loaded(model_bundle(1), promotion(model_bundle(1).model_id, 7)))
    await asyncio.gather(_reporter(rig).run(stop), _until(rig, stop, reports=1))
    first = rig.sent(ReplicaReported)[0]
    assert (first.replica, first.model, first.status) == (REPLICA, "readmission", "serving")
    assert (first.epoch, first.model_id, first.lineage) == (7, model_bundle(1).model_id, LINEAGE)


async def test_a_replica_that_tries_to_load_says_so() -> None:
    """A load that does not succeed must be visible from outside, whatever keeps answering."""
    rig, stop = PredictorRig(), asyncio.Event()
    rig.publish(promotion("ab" * 32))
    async with rig.running():
        await eventually(lambda: rig.loader.busy)
        await asyncio.gather(_reporter(rig).run(stop), _until(rig, stop, reports=1))
    assert rig.sent(ReplicaReported)[0].status == "loading"


async def test_an_outage_of_kafka_costs_reports_and_nothing_else() -> None:
    """An old report says nothing, so none is kept."""
    rig, stop = PredictorRig(), asyncio.Event()
    refused = 0

    def refuse(_record: object) -> DeliveryUnknown | None:
        nonlocal refused
        refused += 1
        return DeliveryUnknown("Kafka is away.") if refused <= 3 else None

    rig.producer.refuse = refuse
    await asyncio.gather(_reporter(rig).run(stop), _until(rig, stop, reports=1))
    assert rig.sample("readmit_predictor_failed_deliveries_total", kind="report") == 3


@pytest.mark.parametrize("host", ["node-7", "pod.example.org", "-_.", "", "Ünïcode", "a b/c:d", "h" * 300])
def test_a_made_up_name_is_a_name_whatever_the_host_is_called(host: str) -> None:
    """A name that the contract refuses would end the process at its first report."""
    name = replica_name(None, host=host, process=4_194_304, started=NOW)
    assert msgspec.convert(name, ReplicaName) == name


def test_a_given_name_is_taken() -> None:
    """Whoever runs replicas under fixed names wants to find them."""
    assert replica_name("predictor-3", host="node", process=1, started=NOW) == "predictor-3"


def test_a_process_that_starts_again_has_another_name() -> None:
    """Its predecessor's promises are not its own, even with the same process id."""
    names = {
        replica_name(None, host="node", process=1, started=datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC))
        for second in range(10)
    }
    assert len(names) == 10
    assert all(re.fullmatch(r"node-1-[0-9a-f]+", name) for name in names)
