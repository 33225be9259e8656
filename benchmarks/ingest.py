"""Measure ingestion against its floor: raw COPY of the same rows, in turn, on the same server.

A round is one raw `COPY` of all rows in one transaction into a table like `raw.train`, after a CHECKPOINT, and one
readmit run: every chunk waits in Kafka, one ingestor is started, and the clock runs from its partitions' assignment to
the last `BatchStored` in Kafka. So readmit's time holds fetching, checking, the ledger, COPY in several committed
transactions, counting and the outbox. Cleaning is not in it: it begins when no group came for a quarter of a second,
which is after the clock has stopped. The ratio is rows/s of readmit over rows/s of COPY in the same round.

Run it by `make bench-ingest`; the result goes to `benchmarks/results/ingest.json`.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import asyncpg
from readmit_cli.stack.credentials import DATABASE_OWNER
from readmit_cli.stack.parts import default_parts
from readmit_cli.stack.programs import OBSERVERS
from readmit_cli.stack.stack import Stack
from readmit_contracts.chunks import CHUNK_HEADER_LINE, cut
from readmit_contracts.source import DATASET_SHA256, SPLITS, SourceFile
from support.running_stack import RunningStack, wait_for
from support.stack import temporary_stack

RESULT = Path(__file__).parent / "results" / "ingest.json"
EVENTS = ("topics", "tail", "readmit.ingestion.events.v1", "--from-beginning", "--no-follow", "--type", "BatchStored")
SETTLE_S = 6.0  # every look starts a process, and would take the cores from what is measured
MEASURED = ("batch-producer", "ingestor")


def main() -> None:
    """Measure, print a table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; at least 5 for a figure to quote")
    rounds_wanted: int = parser.parse_args().rounds
    with temporary_stack() as stack:
        stack.up(set(default_parts(with_mlflow=False)) - {"predictor", "trainer", "s3", *OBSERVERS})
        running = RunningStack(stack)
        rounds = [_round(running, number) for number in range(rounds_wanted)]
        memory = {name: _memory_mb(running.pid(name)) for name in MEASURED}
    result = _result(rounds, memory)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"raw COPY {result['copy_rows_per_s']['median']:,.0f} rows/s")
    print(f"readmit  {result['rows_per_s']['median']:,.0f} rows/s")
    print(f"memory, MB resident: {memory}")
    ratio = result["ratio"]
    print(f"ratio to raw COPY {ratio['median']:.2f} [{ratio['min']:.2f}..{ratio['max']:.2f}]")


def _round(running: RunningStack, number: int) -> dict[str, float]:
    running.readmit("ingest", "reset", "--reason", "next round", "--yes")
    running.stack.supervisor.stop(["ingestor"], timeout_s=60)
    run = running.json("ingest", "start", "--then", "nothing", "--no-wait")["run_id"]
    wait_for(lambda: _sent(running, run), "every chunk is in Kafka")
    source = _dataset(running)
    copy_s = asyncio.run(_copy(running.stack, source))
    stored_before = len(running.readmit(*EVENTS, "--json").splitlines())
    log = running.stack.state.log("ingestor")
    position = log.stat().st_size
    running.stack.supervisor.start("ingestor")
    time.sleep(SETTLE_S)
    batches = sum(len(source.batches(split)) for split in SPLITS)
    times = wait_for(lambda: _stored_times(running, stored_before, batches), "every batch is stored")
    ingest_s = max(times) - _assigned_at(log, position)
    wait_for(lambda: running.json("ingest", "status", run)["run"]["state"] == "completed", "the run is completed")
    cpu_s = _cpu_s(running.pid("ingestor"))
    rows = sum(source.rows(split) for split in SPLITS)
    print(
        f"round {number + 1}: COPY {copy_s:.2f} s, readmit {ingest_s:.2f} s, ratio {copy_s / ingest_s:.2f}", flush=True
    )
    return {"rows": rows, "copy_s": copy_s, "ingest_s": ingest_s, "ratio": copy_s / ingest_s, "ingestor_cpu_s": cpu_s}


def _sent(running: RunningStack, run_id: str) -> bool:
    run = running.json("ingest", "status", run_id)["run"]
    return run["sent_at"] is not None


def _dataset(running: RunningStack) -> SourceFile:
    path = Path(running.stack.environment("batch-producer")["READMIT_BATCH_PRODUCER_DATASET"])
    return SourceFile.read(path)


async def _copy(stack: Stack, source: SourceFile) -> float:
    """Give the seconds of one COPY of all rows in one transaction."""
    text = b"".join(
        chunk.payload[len(CHUNK_HEADER_LINE) :]
        for split in SPLITS
        for batch in source.batches(split)
        for chunk in cut(
            source.batch_lines(batch),
            dataset_id=source.dataset_id,
            dataset_no=1,
            generation=0,
            split=split,
            batch=batch.batch,
            first_row=batch.first_row,
        )
    )
    superuser = stack.addresses.superuser()
    connection = await asyncpg.connect(
        host=superuser.host,
        port=superuser.port,
        user=superuser.user,
        password=superuser.password,
        database=stack.database(DATABASE_OWNER).database,
    )
    await connection.execute("DROP TABLE IF EXISTS public.copy_floor")
    await connection.execute("CREATE TABLE public.copy_floor (LIKE raw.train INCLUDING ALL)")
    await connection.execute("CHECKPOINT")
    began = time.perf_counter()
    await connection.copy_to_table("copy_floor", source=BytesIO(text), format="csv")
    seconds = time.perf_counter() - began
    await connection.execute("DROP TABLE public.copy_floor")
    await connection.execute("CHECKPOINT")
    await connection.close()
    return seconds


def _stored_times(running: RunningStack, before: int, batches: int) -> list[float]:
    """Give when Kafka got each BatchStored since, seconds since 1970; empty until all are there."""
    lines = running.readmit(*EVENTS, "--json", "--limit", "100000").splitlines()[before:]
    times = [datetime.fromisoformat(json.loads(line)["time"]).timestamp() for line in lines]
    return times if len(times) == batches else []


def _assigned_at(log: Path, position: int) -> float:
    """Give when the ingestor got its partitions of the batch topics, seconds since 1970."""
    with log.open() as lines:
        lines.seek(position)
        events = [json.loads(line) for line in lines if line.startswith("{")]
    assigned = [event for event in events if event["event"] == "partitions_assigned" and event["partitions"] > 3]
    return datetime.fromisoformat(assigned[0]["time"]).timestamp()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> dict[str, int]:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return {name: int(status[field].split()[0]) // 1024 for name, field in (("now", "VmRSS"), ("peak", "VmHWM"))}


def _result(rounds: list[dict[str, float]], memory: dict[str, dict[str, int]]) -> dict[str, Any]:
    return {
        "command": "make bench-ingest",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "dataset_sha256": DATASET_SHA256,
        "rounds": rounds,
        "ratio": _spread([each["ratio"] for each in rounds]),
        "rows_per_s": _spread([each["rows"] / each["ingest_s"] for each in rounds]),
        "copy_rows_per_s": _spread([each["rows"] / each["copy_s"] for each in rounds]),
        "ingestor_cpu_s": _spread([each["ingestor_cpu_s"] for each in rounds]),
        "memory_mb": memory,
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


if __name__ == "__main__":
    main()
