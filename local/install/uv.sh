#!/usr/bin/env bash
# uv, which makes every other environment: by pip, from a lock with hashes, in an environment of its own.
. "$(dirname "$0")/part.sh"
python=$(local/install/python-version.sh)
made_from=$(digest local/uv/requirements.lock "$python")
if made uv "$made_from" && [[ -x .local/uv/bin/uv ]]; then
    exit 0
fi
"$python" -m venv --clear .local/uv
.local/uv/bin/python -m pip install --quiet --require-hashes --no-deps -r local/uv/requirements.lock
keep uv "$made_from"
