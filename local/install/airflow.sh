#!/usr/bin/env bash
# Airflow and what its tests need, in an environment of its own: its pins are not ours.
. "$(dirname "$0")/part.sh"
python=$(local/install/python-version.sh)
made_from=$(digest airflow/requirements.lock "$python" "$PWD")
if made airflow "$made_from" && [[ -x .local/airflow/bin/airflow ]]; then
    exit 0
fi
export VIRTUAL_ENV=$PWD/.local/airflow
uv=.local/uv/bin/uv
"$uv" venv --quiet --clear --python "$python" .local/airflow
# Without bytecode every process of Airflow would compile for half a minute.
"$uv" pip sync --quiet --require-hashes --compile-bytecode airflow/requirements.lock
keep airflow "$made_from"
