#!/usr/bin/env bash
# What checks the Kubernetes files, in an environment of its own: checkov's pins are not ours.
. "$(dirname "$0")/part.sh"
python=$(local/install/python-version.sh)
made_from=$(digest local/k8s/requirements.lock "$python" "$PWD")
if made k8s "$made_from" && [[ -x .local/k8s/bin/kubectl ]]; then
    exit 0
fi
export VIRTUAL_ENV=$PWD/.local/k8s
uv=.local/uv/bin/uv
"$uv" venv --quiet --clear --python "$python" .local/k8s
"$uv" pip sync --quiet --require-hashes --compile-bytecode local/k8s/requirements.lock
keep k8s "$made_from"
