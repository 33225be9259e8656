#!/usr/bin/env bash
# The workspace: .venv from requirements.lock, the members editable on top of it.
. "$(dirname "$0")/part.sh"
python=$(local/install/python-version.sh)
members=(packages/*/ services/*/)
made_from=$(digest requirements.lock packages/*/pyproject.toml services/*/pyproject.toml "$python" "$PWD")
if made python "$made_from" && [[ -x .venv/bin/readmit ]]; then
    exit 0
fi
export VIRTUAL_ENV=$PWD/.venv
uv=.local/uv/bin/uv
if [[ ! -x .venv/bin/python ]]; then
    "$uv" venv --quiet --python "$python" .venv
fi
"$uv" pip sync --quiet --require-hashes --compile-bytecode requirements.lock
"$uv" pip install --quiet --no-deps --no-build-isolation "${members[@]/#/--editable=}"
keep python "$made_from"
