"""How the API shows runs, and how it starts and cancels them."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from readmit_contracts import ids
from readmit_contracts.commands import CancelIngestion, NextBatches, StartIngestion
from readmit_contracts.envelope import decode, from_headers
from readmit_contracts.fields import Message
from readmit_runtime.errors import Transient
from readmit_runtime.testing.fake_producer import FakeProducer
from support.fake_run_reader import BatchOfRun, FakeRunReader, RunOfTest


def commands(producer: FakeProducer) -> list[tuple[UUID, Message]]:
    """Give the ids and commands that were published."""
    envelopes = [from_headers(record.headers) for record in producer.published]
    return [
        (envelope.id, decode(envelope.type, record.value))
        for envelope, record in zip(envelopes, producer.published, strict=True)
    ]


async def test_runs_are_shown_with_their_progress(client: httpx.AsyncClient, reader: FakeRunReader) -> None:
    """How far a run is, is a query; nobody has to follow events for it."""
    batch = BatchOfRun(split="validation", batch=0, planned=1_000, published=999, quarantined=1)
    run = RunOfTest(state="streaming", batches=[batch])
    await reader.add_run(run)

    listed = (await client.get("/v1/runs")).json()["runs"]
    shown = (await client.get(f"/v1/runs/{run.run_id}")).json()

    assert [(found["run_id"], found["percent"]) for found in listed] == [(str(run.run_id), 99.9)]
    assert (shown["state"], shown["published"], shown["missing"], shown["quarantined"]) == ("streaming", 999, 1, 1)
    assert shown["batch_progress"][0]["percent"] == 99.9


async def test_the_list_of_runs_is_bounded(client: httpx.AsyncClient, reader: FakeRunReader) -> None:
    """A store that ran for a year has many."""
    for second in range(3):
        await reader.add_run(RunOfTest(planned_s=second))

    assert len((await client.get("/v1/runs?limit=2")).json()["runs"]) == 2
    assert (await client.get("/v1/runs?limit=501")).status_code == 422


@pytest.mark.parametrize(("path", "code"), [("runs", "UNKNOWN_RUN"), ("commands", "UNKNOWN_COMMAND")])
async def test_an_unknown_id_is_not_found_and_a_wrong_one_invalid(
    client: httpx.AsyncClient, path: str, code: str
) -> None:
    """A mistyped id should be told from one that is not there."""
    unknown = await client.get(f"/v1/{path}/{uuid4()}")
    wrong = await client.get(f"/v1/{path}/seven")

    assert (unknown.status_code, unknown.json()["code"]) == (404, code)
    assert wrong.status_code == 422


async def test_a_command_shows_why_it_was_refused(client: httpx.AsyncClient, reader: FakeRunReader) -> None:
    """The answer 202 only says that the command was published."""
    command_id = uuid4()
    await reader.add_command(command_id, "rejected", reason="REFUSED")

    shown = (await client.get(f"/v1/commands/{command_id}")).json()

    assert (shown["outcome"], shown["reason"]) == ("rejected", "REFUSED")


async def test_starting_a_run_publishes_the_command(
    client: httpx.AsyncClient, producer: FakeProducer, new_id: UUID
) -> None:
    """The API plans nothing itself: every start goes the way that Airflow and the shell go."""
    body = {"batches": {"train": [1, 0], "validation": "all", "test": {"next": 1}}, "then": "train"}

    answer = await client.post("/v1/runs", json=body)

    run_id = ids.run_id(new_id)
    assert (answer.status_code, answer.json()) == (202, {"command_id": str(new_id), "run_id": str(run_id)})
    assert answer.headers["location"] == f"/v1/runs/{run_id}"
    batches: dict[Any, Any] = {"train": (1, 0), "validation": "all", "test": NextBatches(next=1)}
    assert commands(producer) == [(new_id, StartIngestion(batches=batches, then="train"))]
    assert producer.published[0].topic == "readmit.ingestion.commands.v1"


async def test_the_same_idempotency_key_is_the_same_command(client: httpx.AsyncClient, producer: FakeProducer) -> None:
    """A client that lost the answer can ask again without a second run."""
    body = {"batches": {"train": "all"}}

    first = await client.post("/v1/runs", json=body, headers={"Idempotency-Key": "night-1"})
    again = await client.post("/v1/runs", json=body, headers={"Idempotency-Key": "night-1"})
    other = await client.post("/v1/runs", json=body, headers={"Idempotency-Key": "night-2"})

    assert first.json() == again.json() != other.json()
    assert producer.published[0] == producer.published[1]


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 201])
async def test_a_key_that_could_be_read_in_two_ways_is_refused(
    client: httpx.AsyncClient, producer: FakeProducer, key: str
) -> None:
    """Blanks get lost on the way, and with them the promise that the key stands for one command."""
    answer = await client.post("/v1/runs", json={"batches": {"train": "all"}}, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_IDEMPOTENCY_KEY")
    assert producer.published == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "MALFORMED"),
        (b'{"batches":{"train":NaN}}', 400, "MALFORMED"),
        (b'{"batches":"\xff"}', 400, "MALFORMED"),
        (b"[" * 100_000, 413, "TOO_LARGE"),
        (b"[" * 60_000, 400, "MALFORMED"),
        (b"[]", 422, "INVALID_BODY"),
        (b"{}", 422, "INVALID_BODY"),
        (b"", 422, "INVALID_BODY"),
        (b'{"batches":{}}', 422, "INVALID_BODY"),
        (b'{"batches":{"moon":"all"}}', 422, "INVALID_BODY"),
        (b'{"batches":{"train":"some"}}', 422, "INVALID_BODY"),
        (b'{"batches":{"train":[]}}', 422, "INVALID_BODY"),
        (b'{"batches":{"train":[-1]}}', 422, "INVALID_BODY"),
        (b'{"batches":{"train":[1.5]}}', 422, "INVALID_BODY"),
        (b'{"batches":{"train":{"next":0}}}', 422, "INVALID_BODY"),
        (b'{"batches":{"train":{"next":1,"more":2}}}', 422, "INVALID_BODY"),
        (b'{"batches":{"train":"all"},"then":"dance"}', 422, "INVALID_BODY"),
        (b'{"batches":{"train":"all"},"surprise":1}', 422, "INVALID_BODY"),
        (b'{"batches":{"train":[2]}}', 422, "REFUSED"),
        (b'{"batches":{"test":[0]}}', 422, "REFUSED"),
        (b'{"batches":{"train":"all"},"dataset_sha256":"' + b"0" * 64 + b'"}', 422, "DATASET_SHA256"),
    ],
)
async def test_a_body_that_cannot_be_done_publishes_nothing(
    client: httpx.AsyncClient, producer: FakeProducer, body: bytes, status: int, code: str
) -> None:
    """What planning would refuse is refused here, where the caller still listens."""
    answer = await client.post("/v1/runs", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert producer.published == []


async def test_an_invalid_body_is_refused_by_its_place_and_not_its_value(client: httpx.AsyncClient) -> None:
    """The place is enough to find it; an echo would carry whatever was sent into logs and pages."""
    answer = await client.post("/v1/runs", json={"batches": {"train": "all"}, "then": "sekrit"})

    assert [error["path"] for error in answer.json()["errors"]] == ["$.then"]
    assert "sekrit" not in answer.text


async def test_another_content_type_is_refused(client: httpx.AsyncClient) -> None:
    """A form that happens to hold JSON was meant for something else."""
    answer = await client.post(
        "/v1/runs", content=b'{"batches":{"train":"all"}}', headers={"content-type": "text/plain"}
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_TYPE")


async def test_a_command_without_confirmation_is_answered_as_unknown(
    client: httpx.AsyncClient, producer: FakeProducer, new_id: UUID
) -> None:
    """Neither 202 nor a plain failure would be true; the caller has to repeat it under the same key."""
    producer.refuse = lambda _record: Transient("no answer")

    answer = await client.post("/v1/runs", json={"batches": {"train": "all"}})

    assert (answer.status_code, answer.json()["code"]) == (503, "DELIVERY_UNKNOWN")
    assert str(new_id) in answer.json()["detail"]


async def test_cancelling_a_run_publishes_the_command(
    client: httpx.AsyncClient, reader: FakeRunReader, producer: FakeProducer, new_id: UUID
) -> None:
    """A cancel takes its turn behind the commands before it."""
    run = RunOfTest(state="streaming")
    await reader.add_run(run)

    answer = await client.post(f"/v1/runs/{run.run_id}/cancel", json={"reason": "by mistake"})

    assert (answer.status_code, answer.json()) == (202, {"command_id": str(new_id), "run_id": str(run.run_id)})
    assert commands(producer) == [(new_id, CancelIngestion(run_id=run.run_id, reason="by mistake"))]


async def test_a_cancel_needs_no_body(client: httpx.AsyncClient, reader: FakeRunReader, producer: FakeProducer) -> None:
    """`curl -X POST` is enough in a hurry; the record then says where it came from."""
    run = RunOfTest(state="planned")
    await reader.add_run(run)

    answer = await client.post(f"/v1/runs/{run.run_id}/cancel")

    assert answer.status_code == 202
    [(_, command)] = commands(producer)
    assert isinstance(command, CancelIngestion)
    assert command.reason == "Cancelled over REST."


@pytest.mark.parametrize("state", ["completed", "cancelled", "failed"])
async def test_an_ended_run_cannot_be_cancelled(
    client: httpx.AsyncClient, reader: FakeRunReader, producer: FakeProducer, state: str
) -> None:
    """The conflict is known already; a command would only be refused later."""
    run = RunOfTest(state=state)
    await reader.add_run(run)

    answer = await client.post(f"/v1/runs/{run.run_id}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "RUN_STATE")
    assert producer.published == []


async def test_a_repeated_cancel_is_answered_as_the_first(client: httpx.AsyncClient, reader: FakeRunReader) -> None:
    """The run is cancelled by then, by this very command: that is success and no conflict."""
    key = {"Idempotency-Key": "stop-1"}
    active = RunOfTest(state="streaming")
    await reader.add_run(active)
    first = await client.post(f"/v1/runs/{active.run_id}/cancel", headers=key)
    reader.replace(RunOfTest(run_id=active.run_id, state="cancelled"))
    await reader.add_command(UUID(first.json()["command_id"]), "applied")

    again = await client.post(f"/v1/runs/{active.run_id}/cancel", headers=key)

    assert (again.status_code, again.json()) == (202, first.json())


async def test_an_unknown_run_cannot_be_cancelled(client: httpx.AsyncClient, producer: FakeProducer) -> None:
    """A mistyped id must not look like success."""
    answer = await client.post(f"/v1/runs/{uuid4()}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_RUN")
    assert producer.published == []


async def test_an_unknown_field_of_a_cancel_is_refused(client: httpx.AsyncClient, reader: FakeRunReader) -> None:
    """A misspelt reason would be lost in silence."""
    run = RunOfTest(state="planned")
    await reader.add_run(run)

    answer = await client.post(f"/v1/runs/{run.run_id}/cancel", json={"reasn": "x"})

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_BODY")
