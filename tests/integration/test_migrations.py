"""What the migrations make: the schema as committed, the tables that the columns define, and nothing open to others."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from readmit_cli.stack import migrations
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.credentials import DATABASE_OWNER
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.stack import Stack
from readmit_contracts.source import SPLITS
from readmit_contracts.tables import clean_table_ddl, raw_table_ddl
from readmit_runtime.database import Connection, connect
from readmit_runtime.settings import PostgresSettings
from support.generated_text import HOW, ROOT, GeneratedText
from support.grants import ROLES, SCHEMAS, Grants, granted, grants_table
from support.schema_dump import dump, major_of, without_style

SCHEMA_FILE = ROOT / "migrations" / "schema.sql"
GRANTS_FILE = ROOT / "docs" / "grants.md"
LOOKING = {"select", "usage"}
ADDING = {"select", "insert"}
RECORDS = (
    "ingest.chunks",
    "ingest.decisions",
    "ingest.duplicates",
    "predictions.chunks",
    "predictions.inputs",
    "predictions.predictions",
    "raw.superseded",
    "training.decisions",
    "training.promotions",
)
RESET = {("ingest.chunks", "readmit_batch_producer"), ("ingest.duplicates", "readmit_batch_producer")}
RETENTION = {(f"predictions.{table}", "readmit_ingestor") for table in ("chunks", "inputs", "predictions")}

_COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod), attnotnull
    FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_REVISION = """from alembic import op
revision, down_revision = "{revision}", "{before}"
def upgrade() -> None:
    op.execute("{statement}")
"""
_KEYS = (
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::regclass AND contype <> 'n' ORDER BY 1"
)


@pytest.fixture
async def database(database_settings: PostgresSettings) -> AsyncIterator[Connection]:
    """Give the migrated database as its owner, in a transaction that is rolled back."""
    connection = await connect(database_settings)
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


@pytest.fixture
async def grants(database: Connection) -> Grants:
    """Give who may do what."""
    return await granted(database)


def test_the_committed_schema_is_what_the_migrations_make(
    stack_infrastructure: Stack, database_settings: PostgresSettings, generated: GeneratedText
) -> None:
    """A change of the schema is read as a whole, not as a revision; and what was written is what was meant."""
    made = dump(stack_infrastructure.blueprint.checkout.postgres("pg_dump"), database_settings)
    committed = SCHEMA_FILE.read_text() if SCHEMA_FILE.exists() else ""
    if generated.updates or major_of(committed) == major_of(made):
        generated.file(SCHEMA_FILE, made)
    else:
        assert without_style(committed) == without_style(made), HOW


async def test_a_function_is_the_text_of_its_migration(database: Connection) -> None:
    """A driver that takes `%s` or `:name` for a parameter changes a function on its way, and nobody looks there."""
    written = "".join(path.read_text() for path in (ROOT / "migrations" / "versions").glob("*.sql"))
    functions = await database.fetch(
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace::regnamespace::text = ANY ($1)", list(SCHEMAS)
    )
    assert functions
    assert [function["proname"] for function in functions if function["prosrc"] not in written] == []


async def test_an_upgrade_that_fails_half_way_leaves_the_schema_as_it_was(
    stack_infrastructure: Stack, module_database: str, database: Connection, tmp_path: Path
) -> None:
    """No release was tried with a schema between two others."""
    checkout = Checkout(tmp_path)
    shutil.copytree(ROOT / "migrations", checkout.migrations)
    last = await database.fetchval("SELECT version_num FROM public.alembic_version")
    for revision, before, statement in (
        ("half", last, "CREATE TABLE public.half ()"),
        ("failing", "half", "SELECT 1 / 0"),
    ):
        text = _REVISION.format(revision=revision, before=before, statement=statement)
        (checkout.migrations / "versions" / f"{revision}.py").write_text(text)
    owner = stack_infrastructure.database(DATABASE_OWNER, module_database)
    with pytest.raises(StackError, match="changed nothing"):
        migrations.upgrade(checkout, owner, log=tmp_path / "log")
    assert "DivisionByZero" in (tmp_path / "log").read_text()  # the one before it had been through
    assert await database.fetchval("SELECT version_num FROM public.alembic_version") == last
    assert await database.fetchval("SELECT to_regclass('public.half')") is None


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("schema", "ddl"), [("raw", raw_table_ddl), ("clean", clean_table_ddl)])
async def test_a_table_of_the_store_is_the_one_that_the_columns_define(
    database: Connection, schema: str, ddl, split: str
) -> None:
    """COPY and cleaning are generated from the columns; the tables are written by hand in a migration."""
    await database.execute("CREATE SCHEMA expected")
    await database.execute(ddl(split).replace(f"CREATE TABLE {schema}.", "CREATE TABLE expected."))
    expected, made = f"expected.{split}", f"{schema}.{split}"
    for question in (_COLUMNS, _KEYS):
        assert await database.fetch(question, made) == await database.fetch(question, expected)


def test_the_committed_matrix_says_who_may_do_what(grants: Grants, generated: GeneratedText) -> None:
    """A right that is given in passing is seen in review."""
    generated.part(GRANTS_FILE, "grants", grants_table(grants))


def test_nobody_else_was_given_a_right_on_a_table(grants: Grants) -> None:
    """MLflow's login and the next service's begin with nothing."""
    strangers = {
        (name, role) for name, by_role in grants.items() for role in by_role if role not in ROLES and "()" not in name
    }
    assert strangers == set()


@pytest.mark.parametrize("role", ["readmit_reader", "readmit_auditor"])
def test_who_looks_changes_nothing(grants: Grants, role: str) -> None:
    """Airflow, the command line and an audit read; a stolen password of theirs must not be able to write."""
    changes = {name: by_role[role] - LOOKING for name, by_role in grants.items() if role in by_role}
    assert not any(changes.values())


def test_the_reader_sees_the_views_alone(grants: Grants) -> None:
    """The views name what is open: counts and states, no row of a patient."""
    seen = {name for name, by_role in grants.items() if "readmit_reader" in by_role}
    assert {name for name in seen if not name.startswith("status.")} == {"schema status"}


@pytest.mark.parametrize("table", RECORDS)
def test_a_record_can_be_added_and_not_changed(grants: Grants, table: str) -> None:
    """What was counted, decided or promoted stays as it was written; it goes as a whole, by a reset or by its age."""
    for role, rights in grants.get(table, {}).items():
        if (table, role) in RESET:
            assert "update" not in rights
        elif (table, role) in RETENTION:
            assert rights <= ADDING | {"delete", "select(at)", "select(prediction_id)"}
        else:
            assert rights <= ADDING


def test_the_auditor_alone_reads_the_inputs_of_predictions(grants: Grants) -> None:
    """They are rows of patients; the ingestor writes them, and finds them by id and age to delete them."""
    readers = {role for role, rights in grants["predictions.inputs"].items() if "select" in rights}
    assert readers == {"readmit_auditor"}
    assert "select(input)" not in grants["predictions.inputs"]["readmit_ingestor"]


def test_no_service_may_do_what_belongs_to_another(grants: Grants) -> None:
    """A fault, or an intruder, in one service ends at its border."""
    writers = {
        "ingest.planned_chunks": {"readmit_batch_producer"},
        "ingest.run_batches": {"readmit_batch_producer"},
        "ingest.datasets": {"readmit_batch_producer"},
        "ingest.quarantine": {"readmit_ingestor"},
        "predictions.predictions": {"readmit_ingestor"},
        "training.champions": {"readmit_trainer"},
        "training.promotions": {"readmit_trainer"},
        "training.jobs": {"readmit_trainer"},
    }
    found = {table: {role for role, rights in grants[table].items() if rights - LOOKING} for table in writers}
    assert found == writers
