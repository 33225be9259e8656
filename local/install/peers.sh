#!/usr/bin/env bash
# What the predictor is measured against, in environments of their own: their pins are neither ours nor each other's.
# `make bench-predict` alone calls this.
. "$(dirname "$0")/part.sh"
python=$(local/install/python-version.sh)
"$python" -c 'import sys; sys.exit(sys.version_info >= (3, 13))' ||
    stop "MLServer can't be installed with $python" "set PYTHON to Python 3.11 or 3.12, or leave the peers out by PEERS=no."
for folder in benchmarks/peers/*/; do
    peers=$(basename "$folder")
    made_from=$(digest "$folder/requirements.lock" "$python" "$PWD")
    if made "peers-$peers" "$made_from" && [[ -x .local/peers/$peers/bin/python ]]; then
        continue
    fi
    echo "installing peers: $peers"
    export VIRTUAL_ENV=$PWD/.local/peers/$peers
    .local/uv/bin/uv venv --quiet --clear --python "$python" "$VIRTUAL_ENV"
    .local/uv/bin/uv pip sync --quiet --require-hashes --compile-bytecode "$folder/requirements.lock"
    keep "peers-$peers" "$made_from"
done
