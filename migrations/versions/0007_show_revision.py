"""Let the services see which revision the database has."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # Without parameters: a `%` in the text is a `%`.
    text = Path(__file__).with_suffix(".sql").read_text("utf-8")
    op.get_bind().exec_driver_sql(text, execution_options={"no_parameters": True})
