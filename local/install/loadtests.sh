#!/usr/bin/env bash
# Locust in an environment of its own: it patches the standard library of every process that imports it.
# The load tests' targets alone call this.
. "$(dirname "$0")/part.sh"
python=$(local/install/python-version.sh)
made_from=$(digest loadtests/requirements.lock "$python" "$PWD")
if made loadtests "$made_from" && [[ -x .local/loadtests/bin/locust ]]; then
    exit 0
fi
echo "installing Locust"
export VIRTUAL_ENV=$PWD/.local/loadtests
.local/uv/bin/uv venv --quiet --clear --python "$python" "$VIRTUAL_ENV"
.local/uv/bin/uv pip sync --quiet --require-hashes --compile-bytecode loadtests/requirements.lock
keep loadtests "$made_from"
