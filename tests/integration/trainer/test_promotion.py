"""Who becomes champion, in which order and against what odds; in the role of the trainer."""

import asyncio

import msgspec
import pytest
from predictor.metrics import PredictorMetrics
from predictor.promotions import Promotions
from prometheus_client import CollectorRegistry
from readmit_contracts.commands import PromoteModel, RollbackModel, TrainModel
from readmit_contracts.events import ModelEvaluated, ReplacedModel
from readmit_contracts.topics import MODELS_PROMOTED
from readmit_runtime.errors import Transient
from readmit_runtime.messages import OutgoingRecord
from support.small_fit import SMALL
from trainer.decision import Decision

METRICS = {"challenger_auroc": 0.7, "champion_auroc": 0.6}


class SlowGate:
    """A gate that lets everything through, or nothing, after a moment in which others can act."""

    def __init__(self, *, passes: bool = True) -> None:
        self.seen = []
        self._refusals = () if passes else ("AUROC_NOT_BETTER",)

    async def judge(self, challenger, *, champion, frame_key):
        """Give the verdict."""
        self.seen.append(champion.epoch if champion else None)
        await asyncio.sleep(0.05)
        return Decision(
            rule="test",
            passed=not self._refusals,
            refusals=self._refusals,
            challenger=challenger,
            champion=champion.model_id if champion else None,
            rows=10,
            patients=5,
            metrics=METRICS,
        )


@pytest.fixture
async def models(empty_rig):
    """Give a rig and the ids of three trained models; nothing reads their bundles."""
    ids = [letter * 64 for letter in "abc"]
    for model_id in ids:
        job_id = await empty_rig.admin.fetchval(
            "INSERT INTO training.jobs (job_id, model, recipe, feature_version, method_sha256, training_set, "
            "training_set_sha256, generation, state, model_id, frame_key, finished_at) "
            "VALUES (gen_random_uuid(), 'readmission', 's', 1, 'x', '[]', 'x', 1, 'done', $1, 'x', now()) "
            "RETURNING job_id",
            model_id,
        )
        await empty_rig.admin.execute(
            "INSERT INTO training.models (model_id, model, job_id, feature_version) VALUES ($1, 'readmission', $2, 1)",
            model_id,
            job_id,
        )
    return empty_rig, ids


def _promote(model_id: str, **fields) -> PromoteModel:
    return PromoteModel(model_id=model_id, reason="test", actor="test", **fields)


def _roll_back(**fields) -> RollbackModel:
    return RollbackModel(reason="test", actor="test", **fields)


async def test_commands_take_effect_in_their_order(models):
    """A rollback behind a promotion goes back to what was before that one, though the gate takes its time."""
    rig, (a, b, c) = models
    for command in (_promote(a), _promote(b), _roll_back(), _promote(c), _roll_back(to_epoch=2)):
        await rig.send(command)
    await rig.promoter(SlowGate()).turn()
    assert await rig.history() == [
        (1, "promotion", a),
        (2, "promotion", b),
        (3, "rollback", a),
        (4, "promotion", c),
        (5, "rollback", b),
    ]
    promoted = await rig.promoted()
    assert [event.epoch for event in promoted] == [1, 2, 3, 4, 5]
    assert [event.replaces.epoch if event.replaces else None for event in promoted] == [None, 1, 2, 3, 4]
    assert len({event.lineage for event in promoted}) == 1


async def test_a_repeated_command_is_one_promotion(models):
    """Kafka delivers at least once."""
    rig, (a, _, _) = models
    command_id = await rig.send(_promote(a))
    await rig.send(_promote(a), message_id=command_id)
    await rig.promoter(SlowGate()).turn()
    await rig.send(_promote(a), message_id=command_id)
    await rig.promoter(SlowGate()).turn()
    assert await rig.history() == [(1, "promotion", a)]


async def test_the_champion_is_not_promoted_again(models):
    """A new epoch would make every replica load what it has; the answer says how it is."""
    rig, (a, _, _) = models
    await rig.send(_promote(a))
    again = await rig.send(_promote(a))
    await rig.promoter(SlowGate()).turn()
    assert await rig.history() == [(1, "promotion", a)]
    assert await rig.command(again) == ("applied", None)
    assert "already, under epoch 1" in await rig.detail(again)


async def test_promoters_at_once_give_epochs_without_gaps_or_doubles(models):
    """The change is a compare-and-set: who judged against a champion of yesterday judges again."""
    rig, ids = models
    for turn in range(9):
        await rig.send(_promote(ids[turn % 3]))
    async with asyncio.timeout(30):
        await asyncio.gather(*(rig.promoter(SlowGate()).turn() for _ in range(4)))
    history = await rig.history()
    assert [epoch for epoch, _, _ in history] == list(range(1, 10))
    assert await rig.admin.fetchval("SELECT count(*) FROM training.wishes WHERE state = 'honoured'") == 9


async def test_a_champion_that_changes_under_the_gate_is_judged_against_anew(models):
    """The decision's evidence names the champion that it was made against."""
    rig, (a, b, c) = models
    await rig.send(_promote(a))
    await rig.promoter(SlowGate()).turn()
    await rig.send(_promote(c))
    gate = SlowGate()
    working = asyncio.create_task(rig.promoter(gate).turn())
    await asyncio.sleep(0.03)
    await rig.crown(b, epoch=2)
    await working
    assert gate.seen == [1, 2]
    assert [model_id for _, _, model_id in await rig.history()] == [a, b, c]
    assert await rig.admin.fetchval("SELECT champion_epoch FROM training.decisions WHERE model_id = $1", c) == 2


async def test_a_refusal_is_recorded_with_its_evidence_and_answered(models):
    """A refusal is a normal outcome; nobody has to search for its reason."""
    rig, (a, b, _) = models
    await rig.send(_promote(a))
    await rig.promoter(SlowGate()).turn()
    refused = await rig.send(_promote(b))
    await rig.promoter(SlowGate(passes=False)).turn()
    assert await rig.history() == [(1, "promotion", a)]
    assert await rig.command(refused) == ("rejected", "GATE")
    row = await rig.admin.fetchrow("SELECT passed, refusals, evidence FROM status.decisions WHERE model_id = $1", b)
    assert (row["passed"], row["refusals"]) == (False, ["AUROC_NOT_BETTER"])
    assert msgspec.json.decode(row["evidence"])["metrics"] == METRICS
    assert [event.passed for event in await rig.events(ModelEvaluated)] == [True, False]
    counted = rig.registry.get_sample_value
    assert counted("readmit_trainer_gate_decisions_total", {"result": "refused"}) == 1
    assert counted("readmit_trainer_gate_decisions_total", {"result": "passed"}) == 1
    assert counted("readmit_trainer_gate_refusals_total", {"rule": "AUROC_NOT_BETTER"}) == 1


async def test_unknown_models_and_stale_epochs_are_refused(models):
    """Whoever decides on an old view is told so."""
    rig, (a, b, _) = models
    unknown = await rig.send(_promote("f" * 64))
    nothing = await rig.send(_roll_back())
    await rig.send(_promote(a))
    stale = await rig.send(_promote(b, expected_epoch=7))
    stale_back = await rig.send(_roll_back(expected_epoch=7))
    missing = await rig.send(_roll_back(to_epoch=5))
    await rig.promoter(SlowGate()).turn()
    assert [await rig.command(sent) for sent in (unknown, nothing, stale, stale_back, missing)] == [
        ("rejected", "UNKNOWN_MODEL"),
        ("rejected", "UNKNOWN_MODEL"),
        ("rejected", "STALE_EPOCH"),
        ("rejected", "STALE_EPOCH"),
        ("rejected", "UNKNOWN_MODEL"),
    ]
    assert await rig.history() == [(1, "promotion", a)]
    assert await rig.admin.fetchval("SELECT count(*) FROM training.outbox WHERE topic LIKE '%.dlq'") == 1


async def test_a_model_that_a_living_replica_cannot_read_is_not_promoted(models):
    """Half of the replicas would keep the old model and nobody would notice."""
    rig, (a, _, _) = models
    await rig.replica_lives(feature_versions=(2, 3))
    refused = await rig.send(_promote(a))
    await rig.promoter(SlowGate()).turn()
    assert await rig.history() == []
    assert await rig.command(refused) == ("rejected", "GATE")
    assert await rig.admin.fetchval("SELECT refusals FROM status.decisions") == ["FEATURE_VERSION"]


async def test_epochs_go_on_above_what_the_topic_knows(models):
    """After a restore the topic may be ahead of the database; predictors take only higher epochs."""
    rig, (a, b, _) = models
    await rig.send(_promote(a))
    await rig.promoter(SlowGate()).turn()
    await _publish(rig)
    await rig.empty_promotions()
    await rig.send(_promote(b))
    await rig.promoter(SlowGate()).turn()
    assert await rig.history() == [(2, "promotion", b)]
    assert (await rig.promoted())[-1].replaces == ReplacedModel(epoch=1, model_id=a)


async def test_predictors_follow_a_database_that_was_restored(models):
    """A copy of yesterday must not leave predictors with a model that no later promotion can replace."""
    rig, (a, b, c) = models
    for model_id in (a, b, c):
        await rig.send(_promote(model_id))
    await rig.promoter(SlowGate()).turn()
    await _publish(rig)
    running, kept = _predictor(), _predictor()
    assert _follow(running, rig) == (3, c)
    kept.hold((await rig.promoted())[-1])  # what a predictor that starts later finds on its disk

    await rig.admin.execute("DELETE FROM training.promotions WHERE epoch > 1")
    await rig.admin.execute("UPDATE training.champions SET epoch = 1, model_id = $1", a)
    await rig.promoter(SlowGate()).turn()
    await _publish(rig)
    assert _follow(running, rig) == _follow(kept, rig) == (3, c)

    await rig.send(_promote(b))
    await rig.promoter(SlowGate()).turn()
    await _publish(rig)
    assert await rig.history() == [(1, "promotion", a), (4, "promotion", b)]
    assert _follow(running, rig) == _follow(kept, rig) == _follow(_predictor(), rig) == (4, b)


def _predictor() -> Promotions:
    return Promotions("readmission", held=lambda: None, metrics=PredictorMetrics(CollectorRegistry()))


def _follow(promotions, rig) -> tuple[int, str]:
    """Let a predictor read the whole topic; give the epoch and model that it wants then."""
    for record in rig.broker.records(MODELS_PROMOTED.name):
        promotions.apply(record)
    return promotions.wanted.promotion.epoch, promotions.wanted.promotion.model_id


async def test_a_promotion_that_the_topic_lost_is_announced_again(models):
    """The table decides; a topic made anew must not leave predictors without a model."""
    rig, (a, _, _) = models
    await rig.send(_promote(a))
    await rig.promoter(SlowGate()).turn()
    await rig.promoter(SlowGate()).turn()
    assert len(await rig.promoted()) == 1  # it waits in the outbox
    await rig.admin.execute("UPDATE training.outbox SET published_at = now()")
    await rig.promoter(SlowGate()).turn()
    first, second = await rig.promoted()
    assert first == second
    await _publish(rig)
    await rig.promoter(SlowGate()).turn()
    assert len(await rig.promoted()) == 2


async def test_a_version_that_comes_after_the_promotion_is_announced_once(models):
    """MLflow may be away while a model is promoted; what answers is to name the version nevertheless."""
    rig, (a, _, _) = models
    await rig.send(_promote(a))
    await rig.promoter(SlowGate()).turn()
    await _publish(rig)
    await rig.admin.execute("UPDATE training.models SET mlflow_version = '7' WHERE model_id = $1", a)
    for _ in range(2):
        await rig.promoter(SlowGate()).turn()
        await _publish(rig)
    assert [(event.epoch, event.version) for event in await rig.promoted()] == [(1, None), (1, "7")]


async def test_nothing_is_promoted_before_the_topic_was_read(models):
    """An epoch given twice would leave replicas apart for good."""
    rig, (a, _, _) = models
    await rig.send(_promote(a))
    rig.broker.away = True
    with pytest.raises(Transient):
        await rig.promoter(SlowGate()).turn()
    assert await rig.history() == []


async def test_a_worse_model_is_refused_by_the_real_gate(rig):
    """The whole way, with bundles and rows from the object store."""
    await rig.send(TrainModel())
    assert await rig.work()
    await rig.promote()
    worse = msgspec.structs.replace(SMALL, name="worse", rounds_max=1, num_leaves=2)
    command_id = await rig.send(TrainModel(), recipe=worse)
    assert await rig.work(recipe=worse)
    await rig.promote()
    assert len(await rig.history()) == 1
    assert await rig.command(command_id) == ("applied", "GATE")
    _, refusal = await rig.events(ModelEvaluated)
    assert refusal.refusals == ("AUROC_NOT_BETTER",)
    assert refusal.champion_epoch == 1
    assert refusal.metrics["challenger_auroc"] < refusal.metrics["champion_auroc"]


async def _publish(rig) -> None:
    """Publish what waits, as the relay does."""
    rows = await rig.admin.fetch(
        "UPDATE training.outbox SET published_at = now() WHERE topic LIKE '%promoted%' RETURNING *"
    )
    for row in rows:
        headers = tuple(zip(row["header_names"], row["header_values"], strict=True))
        rig.broker.append(OutgoingRecord(row["topic"], row["key"], row["value"], headers))
