"""The commands on models as a person gives them, each in a process of its own, against a real broker and database."""

import json
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry
from readmit_cli.exit_codes import ExitCode
from readmit_contracts.access import ID_BYTES, SECRET_BYTES, make_key
from readmit_runtime.database import create_pool
from readmit_runtime.settings import KafkaSettings
from support.encounters import source_file
from support.planned_store import PlannedStore, lines_of, records
from support.quick_trainer import QuickTrainer
from trainer.metrics import TrainerMetrics

LINES = lines_of(900)
QUALITIES = [0.66, 0.70, 0.61]


@pytest.fixture
async def trainer(store: PlannedStore, service_database, kafka_bootstrap) -> AsyncIterator[QuickTrainer]:
    """Give a trainer at work over an empty store, and no model yet."""
    await store.admin.execute(
        "TRUNCATE training.jobs, training.wishes, training.models, training.decisions, training.champions, "
        "training.promotions, training.replicas, training.inbox, training.outbox RESTART IDENTITY"
    )
    async with create_pool(service_database("readmit_trainer")) as pool:
        quick = QuickTrainer(pool, TrainerMetrics(CollectorRegistry()), list(QUALITIES))
        async with quick.at_work(KafkaSettings(bootstrap_servers=kafka_bootstrap)):
            yield quick


@pytest.fixture
async def filled(store: PlannedStore) -> None:
    """Leave 900 clean rows in the store."""
    source = source_file(LINES)
    await store.plan(source, LINES)
    await store.store(records(source))
    await store.clean()


async def test_without_rows_there_is_no_model_to_train_or_to_name(readmit, trainer):
    """Each command says why, and nothing is asked of the trainer that can't be."""
    refused = await readmit("train")
    assert refused.code == ExitCode.FAILED
    assert "NO_TRAINING_ROWS" in refused.err
    empty = await readmit("models", "list")
    assert "There is no readmission model yet" in empty.out
    assert "NO_TRAINING_ROWS" in empty.out
    assert (await readmit("models", "show", "champion")).code == ExitCode.USAGE
    assert (await readmit("models", "promote", "ffff", "--reason", "x")).code == ExitCode.USAGE


async def test_a_model_is_trained_once_judged_and_shown(readmit, filled, trainer):
    """The same data is the same job; a refusal by the gate is a normal end that says so."""
    first = await readmit("train", "--json", READMIT_CLI_MLFLOW="http://mlflow")
    assert first.code == ExitCode.DONE, first.err
    result = json.loads(first.out)
    assert (result["done_before"], result["promotion"]["epoch"], result["decision"]["passed"]) == (False, 1, True)
    assert result["mlflow_url"] == "http://mlflow/#/models/readmission/versions/1"

    again = await readmit("train")
    assert again.code == ExitCode.DONE
    assert result["job"]["job_id"] in again.out
    assert "nothing is trained twice" in again.out
    assert "champion unchanged" in again.out

    better = json.loads((await readmit("train", "--force", "--no-promote", "--json")).out)
    assert (better["decision"], better["promotion"], better["champion"]["epoch"]) == (None, None, 1)
    worse = await readmit("train", "--force")
    assert worse.code == ExitCode.DONE
    assert "refused (AUROC_NOT_BETTER): AUROC 0.6100 against 0.6600" in worse.out
    assert "not promoted: version 1" in worse.out

    listed = json.loads((await readmit("models", "list", "--json")).out)
    assert [one["serves"] for one in listed["models"]] == [False, False, True]
    shown = await readmit("models", "show", result["model"]["model_id"][:4])
    assert shown.code == ExitCode.DONE, shown.err
    assert "yes, it is the champion" in shown.out


async def test_who_serves_is_changed_by_hand_and_each_change_is_on_record(readmit, filled, trainer):
    """Promotion goes through the gate, rollback does not; both wait until the predictors serve."""
    await trainer.serve(epoch=9)
    first = json.loads((await readmit("train", "--json")).out)["model"]["model_id"]
    better = json.loads((await readmit("train", "--force", "--no-promote", "--json")).out)["model"]["model_id"]
    stale = await readmit("models", "promote", better, "--reason", "better", "--expected-epoch", "3")
    assert stale.code == ExitCode.FAILED
    assert "STALE_EPOCH" in stale.err

    why = ("--reason", "it ranks better", "--actor", "ann")
    promoted = await readmit("models", "promote", better[:6], *why, "--expected-epoch", "1")
    assert promoted.code == ExitCode.DONE, promoted.err
    assert "AUROC 0.7000 against 0.6600" in promoted.out
    assert "serves under epoch 2: 1 of 1 living predictors serve it." in promoted.out
    already = await readmit("models", "promote", "champion", *why)
    assert already.code == ExitCode.DONE
    assert "is the champion already, under epoch 2" in already.out

    refused = await readmit("models", "promote", first, *why)
    assert refused.code == ExitCode.FAILED
    assert "GATE" in refused.err
    assert "AUROC 0.6600 against 0.7000" in refused.err
    rolled = await readmit("models", "rollback", "--reason", "worse for the ward", "--json")
    assert rolled.code == ExitCode.DONE, rolled.err
    assert json.loads(rolled.out)["champion"]["model_id"] == first
    nowhere = await readmit("models", "rollback", "--to-epoch", "7", "--reason", "no such epoch")
    assert nowhere.code == ExitCode.FAILED

    history = json.loads((await readmit("models", "history", "--json")).out)
    told = [(one["epoch"], one["kind"], one["actor"], one["reason"]) for one in history["promotions"]]
    assert told[:2] == [
        (3, "rollback", told[0][2], "worse for the ward"),
        (2, "promotion", "ann", "it ranks better"),
    ]
    table = (await readmit("models", "history")).out
    assert "it ranks better" in table
    assert "refused (AUROC_NOT_BETTER)" in table


async def test_a_predictor_that_is_away_is_said_and_what_to_do(readmit):
    """Nobody should have to read a traceback to find that the stack is down."""
    key = make_key(bytes(ID_BYTES), bytes(SECRET_BYTES))
    away = await readmit("predict", READMIT_CLI_PREDICTOR="http://127.0.0.1:1", READMIT_CLI_PREDICTOR_KEY=key)
    assert away.code == ExitCode.UNAVAILABLE
    assert "No predictor answers at http://127.0.0.1:1" in away.err


async def test_a_script_can_wait_until_the_champion_is_what_answers(readmit, filled, trainer):
    """After a promotion by another hand, or a start of predictors, the exit code says whether all serve it."""
    nothing = await readmit("models", "converge", "--timeout", "1")
    assert nothing.code == ExitCode.USAGE
    assert "readmission has no champion" in nothing.err
    await readmit("train")
    unserved = await readmit("models", "converge", "--timeout", "1")
    assert unserved.code == ExitCode.UNAVAILABLE
    assert "no living predictor" in unserved.err

    await trainer.serve(epoch=1)
    served = await readmit("models", "converge", "--json")
    assert served.code == ExitCode.DONE, served.err
    assert (json.loads(served.out)["epoch"], json.loads(served.out)["convergence"]) == (1, "converged")
    assert "1 of 1 living predictors serve it" in (await readmit("models", "converge", "--epoch", "1")).out
    later = await readmit("models", "converge", "--epoch", "2", "--timeout", "1")
    assert later.code == ExitCode.UNAVAILABLE
    assert "Epoch 2 of readmission is not promoted" in later.err
