#!/usr/bin/env bash
# MLflow's server in an environment of its own: its pins are not ours.
. "$(dirname "$0")/part.sh"
python=$(local/install/python-version.sh)
made_from=$(digest local/mlflow/requirements.lock "$python" "$PWD")
if made mlflow "$made_from" && [[ -x .local/mlflow/bin/mlflow ]]; then
    exit 0
fi
export VIRTUAL_ENV=$PWD/.local/mlflow
uv=.local/uv/bin/uv
"$uv" venv --quiet --clear --python "$python" .local/mlflow
# Without bytecode every start of the server would compile for several seconds.
"$uv" pip sync --quiet --require-hashes --compile-bytecode local/mlflow/requirements.lock
keep mlflow "$made_from"
