"""Check that this machine has what the local stack is made of."""

import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from readmit_cli.stack import s3_server
from readmit_cli.stack.checkout import OLDEST_JAVA, OLDEST_POSTGRES, Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.locate import state_path, why_outside
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.state_directory import StateDirectory, first_closed_folder, postgres_user

LEAST_FREE_DISK_GIB = 2.0


@dataclass(frozen=True)
class Check:
    """One thing looked at. `advice` says what to do; `off` is missing without harm, `failed` is not."""

    name: str
    verdict: Literal["ok", "off", "failed"]
    detail: str
    advice: str = ""


def check_prerequisites(checkout: Checkout) -> Iterator[Check]:
    """Check every prerequisite, in the order of a table."""
    yield Check("python", "ok", f"{sys.version.split()[0]}, {sys.executable}")
    yield _java(checkout)
    yield _postgres(checkout)
    yield _folder("kafka", checkout.kafka_jars, found=any(checkout.kafka_jars.glob("kafka_2.13-*.jar")))
    yield _s3(checkout)
    yield _folder("mlflow", checkout.mlflow, found=checkout.mlflow.is_file())
    yield _folder("prometheus", checkout.prometheus, found=checkout.prometheus.is_file())
    for exporter in (checkout.node_exporter, checkout.postgres_exporter):
        yield _folder(exporter.name, exporter, found=exporter.is_file())
    yield _airflow(checkout)
    if checkout.airflow.is_file():
        yield _folder("statsd_exporter", checkout.statsd_exporter, found=checkout.statsd_exporter.is_file())
    yield _kcat()
    yield _state(checkout)
    yield _disk(checkout)


def _java(checkout: Checkout) -> Check:
    try:
        java = checkout.java()
    except StackError as error:
        return Check("java", "failed", str(error), "make install")
    # Java tells its version on stderr, old ones as 1.8.
    said = _output([str(java), "-version"])
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        found = said.partition("\n")[0] or "no version told"
        return Check(
            "java", "failed", f"{java}: {found}; {OLDEST_JAVA} or newer is needed", "make install, or JAVA_HOME"
        )
    return Check("java", "ok", f"{version[1]}, {java}")


def _postgres(checkout: Checkout) -> Check:
    try:
        postgres = checkout.postgres()
    except StackError as error:
        return Check("postgres", "failed", str(error), "make install")
    version = re.search(r"(\d+)", _output([str(postgres), "--version"]))
    if version is None or int(version[1]) < OLDEST_POSTGRES:
        return Check("postgres", "failed", f"{postgres} is older than {OLDEST_POSTGRES}", "make install")
    return Check("postgres", "ok", f"{version[1]}, {postgres}")


def _folder(name: str, path: Path, *, found: bool) -> Check:
    return Check(name, "ok", str(path)) if found else Check(name, "failed", f"not at {path}", "make install")


def _s3(checkout: Checkout) -> Check:
    try:
        server = s3_server.recorded(StateDirectory(state_path(checkout, _server_user()))) or s3_server.asked_for()
    except StackError as error:
        return Check("s3", "failed", str(error), f"unset {s3_server.SETTING}")
    server = server or S3Server.MINIO
    program = checkout.s3(server)
    return _folder(server, program, found=program.is_file())


def _airflow(checkout: Checkout) -> Check:
    if checkout.airflow.is_file():
        return Check("airflow", "ok", str(checkout.airflow))
    return Check("airflow", "off", f"not at {checkout.airflow}; the stack starts without it", "make install")


def _kcat() -> Check:
    kcat = shutil.which("kcat")
    if kcat is None:
        return Check("kcat", "off", "not here; only people use it, to look into topics", "make install")
    return Check("kcat", "ok", kcat)


def _state(checkout: Checkout) -> Check:
    name = "state directory"
    try:
        user = postgres_user()
    except StackError as error:
        return Check(name, "failed", str(error), "make install, or READMIT_PG_USER")
    state = state_path(checkout, user)
    closed = first_closed_folder(state, user) if user is not None else None
    if closed is not None and user is not None:
        detail = f"{state}: {user.pw_name}, whom Postgres runs as, cannot pass {closed}"
        return Check(name, "failed", detail, f"chmod o+x {closed}, or another READMIT_STATE")
    return Check(name, "ok", why_outside(checkout, user) or str(state))


def _disk(checkout: Checkout) -> Check:
    state = state_path(checkout, _server_user())
    folder = next(path for path in (state, *state.parents) if path.exists())
    free_gib = shutil.disk_usage(folder).free / 2**30
    detail = f"{free_gib:.0f} GiB free at {folder}"
    if free_gib < LEAST_FREE_DISK_GIB:
        return Check("disk", "failed", detail, f"free at least {LEAST_FREE_DISK_GIB:.0f} GiB, or set READMIT_STATE")
    return Check("disk", "ok", detail)


def _server_user() -> pwd.struct_passwd | None:
    try:
        return postgres_user()
    except StackError:
        return None


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout + done.stderr
