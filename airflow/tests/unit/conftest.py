"""What the tests of the DAGs share: Airflow's own environment, an empty home, no database, no network.

Run by the Python that Airflow is installed in: `.local/airflow/bin/python -m pytest airflow/tests/unit`.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

AIRFLOW = Path(__file__).parents[2]
HOME = tempfile.mkdtemp(prefix="readmit-airflow-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ |= {
    # Airflow writes its configuration there as soon as it is imported.
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(AIRFLOW / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(AIRFLOW / "plugins"),
}
sys.path.insert(0, str(AIRFLOW / "plugins"))
