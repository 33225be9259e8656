#!/usr/bin/env bash
# Resolve every lock anew: names, versions and hashes for all platforms, no download addresses. `make lock` calls this.
. "$(dirname "$0")/install/part.sh"

compile() { # output, then inputs and options
    local output=$1
    shift
    .local/uv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --output-file "$output" "$@"
    if grep -n '://' "$output" >&2; then
        stop "$output carries download addresses" "resolve against a plain package index, and lock again."
    fi
    printf '%s: %d packages\n' "$output" "$(grep -c '^[a-zA-Z0-9]' "$output")"
}

compile_npm() { # folder: resolve its package.json, and leave out every address
    npm install --prefix "$1" --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved \
        --no-audit --no-fund --no-update-notifier --loglevel=error </dev/null
    "$(local/install/python-version.sh)" - "$1/package-lock.json" <<'PYTHON'
import json, pathlib, sys
path = pathlib.Path(sys.argv[1])
lock = json.loads(path.read_text())
for package in lock["packages"].values():
    package.pop("funding", None)
path.write_text(json.dumps(lock, indent=1) + "\n")
PYTHON
    if grep -n '://' "$1/package-lock.json" >&2; then
        stop "$1/package-lock.json carries addresses" "let local/lock.sh leave them out, and lock again."
    fi
    printf '%s: %d packages\n' "$1/package-lock.json" "$(grep -c '"integrity"' "$1/package-lock.json")"
}

members=()
for folder in packages/*/ services/*/; do
    members+=(--no-emit-package "readmit-$(basename "$folder" | tr _ -)")
done
compile requirements.lock pyproject.toml packages/*/pyproject.toml services/*/pyproject.toml migrations/pyproject.toml \
    --group dev "${members[@]}"
# One for each image, of the workspace's versions. A wheel that a service never imports stays out of its image.
image() { # folder, then the packages to leave out
    local folder=$1 leave_out=()
    shift
    for package in "$@"; do leave_out+=(--no-emit-package "$package"); done
    compile "$folder/requirements.lock" "$folder/pyproject.toml" --constraint requirements.lock "${members[@]}" "${leave_out[@]}"
}
image services/batch_producer
image services/ingestor
image services/trainer
image services/predictor scipy narwhals asyncpg
image migrations
image packages/cli
for folder in local/images local/uv local/go local/mlflow local/k8s airflow loadtests benchmarks/peers/raw_records benchmarks/peers/mlserver; do
    compile "$folder/requirements.lock" "$folder/requirements.in" --python-version 3.11
done
local/install/packages.sh node
compile_npm local/asyncapi
