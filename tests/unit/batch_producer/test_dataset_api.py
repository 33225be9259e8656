"""What the API says of the dataset, and how it refuses what is not there."""

from pathlib import Path

import httpx
import pytest
from batch_producer.dataset_file import DatasetFile
from readmit_contracts.columns import COLUMNS, FILE_HEADER

PROBLEM = "application/problem+json"


def put(path: Path, content: bytes | None) -> None:
    """Replace the file, or remove it."""
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


async def test_the_dataset_tells_its_size_and_splits(client: httpx.AsyncClient, dataset_path: Path) -> None:
    """It is the first thing that anybody asks."""
    source = await DatasetFile(dataset_path).read()

    answer = await client.get("/v1/dataset")

    assert answer.status_code == 200
    assert answer.json() == {
        "dataset_id": str(source.dataset_id),
        "sha256": source.sha256,
        "real": False,
        "rows": 15_005,
        "columns": 50,
        "splits": [
            {"split": "train", "rows": 15_002, "batches": 2},
            {"split": "validation", "rows": 3, "batches": 1},
            {"split": "test", "rows": 0, "batches": 0},
        ],
    }


async def test_the_splits_are_those_of_the_dataset(client: httpx.AsyncClient) -> None:
    """The same figures under their own address."""
    assert (await client.get("/v1/splits")).json() == (await client.get("/v1/dataset")).json()["splits"]


async def test_the_columns_come_in_the_order_of_the_file(client: httpx.AsyncClient) -> None:
    """Whoever reads the file by position can rely on it."""
    columns = (await client.get("/v1/dataset/columns")).json()

    assert ",".join(column["name"] for column in columns) == FILE_HEADER
    stay = next(column for column in columns if column["name"] == "time_in_hospital")
    assert (stay["kind"], stay["minimum"], stay["maximum"], stay["unit"]) == ("integer", 1, 14, "days")
    assert all(column["description"] for column in columns)


async def test_a_split_lists_its_batches(client: httpx.AsyncClient) -> None:
    """The number of batches, and how large each is."""
    assert (await client.get("/v1/splits/train/batches")).json() == {
        "split": "train",
        "rows": 15_002,
        "count": 2,
        "batches": [
            {"batch": 0, "first_row": 0, "size": 15_000},
            {"batch": 1, "first_row": 15_000, "size": 2},
        ],
    }


async def test_a_split_without_rows_has_no_batches(client: httpx.AsyncClient) -> None:
    """It exists all the same."""
    assert (await client.get("/v1/splits/test/batches")).json()["batches"] == []


async def test_a_batch_shows_its_rows_under_the_files_names(client: httpx.AsyncClient) -> None:
    """A row can be read without knowing the order of columns, and numbers are numbers."""
    body = (await client.get("/v1/splits/validation/batches/0")).json()

    first = body.pop("rows")[0]
    assert body == {"split": "validation", "batch": 0, "first_row": 0, "size": 3, "next": None}
    assert list(first) == [column.name for column in COLUMNS]
    assert first["encounter_id"] == 7
    assert (first["race"], first["A1Cresult"]) == ("Caucasian", ">8")


async def test_a_batch_is_limited_to_what_was_asked_for(client: httpx.AsyncClient) -> None:
    """A whole batch is 20 MB of JSON; nobody should get it unasked."""
    default = (await client.get("/v1/splits/train/batches/0")).json()
    two = (await client.get("/v1/splits/train/batches/0?limit=2")).json()
    whole = (await client.get("/v1/splits/train/batches/0?limit=15000")).json()

    assert [len(body["rows"]) for body in (default, two, whole)] == [100, 2, 15_000]
    assert default["rows"][:2] == two["rows"]
    assert two["next"] == "/v1/splits/train/batches/1?limit=2"


async def test_next_leads_from_batch_to_batch_to_the_end(client: httpx.AsyncClient) -> None:
    """A client walks a split without counting."""
    seen, path = [], "/v1/splits/train/batches/0?limit=15000"
    while path:
        body = (await client.get(path)).json()
        seen += [body["first_row"] + place for place in range(len(body["rows"]))]
        path = body["next"]

    assert seen == list(range(15_002))


async def test_a_line_that_does_not_fit_the_columns_is_shown_as_it_is(
    client: httpx.AsyncClient, dataset_path: Path
) -> None:
    """The API shows the file, faults and all; what is wrong with a row is for the ingestor to say."""
    patient = (await client.get("/v1/splits/validation/batches/0")).json()["rows"][0]["patient_nbr"]
    long = ",".join(["x", str(patient), *["\xe9"] * 50]).encode("latin-1")
    put(dataset_path, f"{FILE_HEADER}\n1,{patient}\n".encode() + long + b"\n")

    rows = (await client.get("/v1/splits/validation/batches/0")).json()["rows"]

    assert rows[0] == {"encounter_id": 1, "patient_nbr": patient}
    assert (rows[1]["encounter_id"], rows[1]["race"]) == ("x", "\ufffd")
    assert rows[1]["surplus_fields"] == ["\ufffd", "\ufffd"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/splits/moon/batches", 404, "UNKNOWN_SPLIT"),
        ("/v1/splits/moon/batches/0", 404, "UNKNOWN_SPLIT"),
        ("/v1/splits/train/batches/-1", 400, "NEGATIVE_BATCH"),
        ("/v1/splits/train/batches/2", 404, "UNKNOWN_BATCH"),
        ("/v1/splits/test/batches/0", 404, "UNKNOWN_BATCH"),
        (f"/v1/splits/train/batches/{10**30}", 404, "UNKNOWN_BATCH"),
        ("/v1/splits/train/batches/one", 422, "INVALID_PARAMETER"),
        ("/v1/splits/train/batches/1.5", 422, "INVALID_PARAMETER"),
        ("/v1/splits/train/batches/0?limit=0", 422, "INVALID_PARAMETER"),
        ("/v1/splits/train/batches/0?limit=15001", 422, "INVALID_PARAMETER"),
        ("/v1/splits/train/batches/0?limit=many", 422, "INVALID_PARAMETER"),
        ("/v1/nothing", 404, "NOT_FOUND"),
    ],
)
async def test_what_is_not_there_is_refused_with_a_code(
    client: httpx.AsyncClient, path: str, status: int, code: str
) -> None:
    """A program acts on status and code, a person on the detail."""
    answer = await client.get(path)

    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert (body["status"], body["code"]) == (status, code)
    assert body["detail"]


async def test_a_refusal_names_the_parameter_and_not_its_value(client: httpx.AsyncClient) -> None:
    """What was sent may be anything; an error that echoes it carries it into logs and pages."""
    answer = await client.get("/v1/splits/train/batches/0?limit=secret")

    assert answer.json()["errors"] == [{"path": "$.query.limit", "reason": "int_parsing"}]
    assert "secret" not in answer.text


async def test_another_method_is_refused(client: httpx.AsyncClient) -> None:
    """The dataset is read only."""
    answer = await client.delete("/v1/dataset")

    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "path", ["/v1/dataset", "/v1/splits", "/v1/splits/train/batches", "/v1/splits/train/batches/0"]
)
async def test_without_the_file_the_answer_is_unavailable(
    client: httpx.AsyncClient, dataset_path: Path, path: str
) -> None:
    """The service is not at fault and may be asked again when the file is back."""
    put(dataset_path, None)

    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (503, "DATASET_MISSING")
    assert answer.headers["retry-after"]
