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

members=()
for folder in packages/*/ services/*/; do
    members+=(--no-emit-package "readmit-$(basename "$folder" | tr _ -)")
done
compile requirements.lock pyproject.toml packages/*/pyproject.toml services/*/pyproject.toml migrations/pyproject.toml \
    --group dev "${members[@]}"
for folder in local/uv local/go local/mlflow airflow benchmarks/peers/raw_records benchmarks/peers/mlserver; do
    compile "$folder/requirements.lock" "$folder/requirements.in" --python-version 3.11
done
