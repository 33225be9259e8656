"""What the migrations say where they can't begin."""

import os
import subprocess
import sys
from pathlib import Path

from support.generated_text import ROOT


def test_a_database_that_cant_be_reached_is_said_in_one_line(tmp_path: Path) -> None:
    """In a cluster they are tried again for minutes while Postgres starts; a traceback each time hides the reason."""
    command = [sys.executable, "-m", "alembic", "-c", str(ROOT / "migrations" / "alembic.ini"), "upgrade", "head"]
    nowhere = {"READMIT_MIGRATIONS_URL": f"postgresql+psycopg://owner:secret@/readmit?host={tmp_path}"}
    done = subprocess.run(command, env=os.environ | nowhere, capture_output=True, text=True, check=False)
    [line] = done.stderr.splitlines()
    assert done.returncode == 1
    assert "READMIT_MIGRATIONS_URL" in line
    assert str(tmp_path) in line
    assert "secret" not in line
