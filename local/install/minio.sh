#!/usr/bin/env bash
# MinIO's server, built from its last public state; a few minutes once, afterwards from Go's own cache.
. "$(dirname "$0")/part.sh"
module=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
made_from=$(digest "$module")
if made minio "$made_from" && [[ -x .local/bin/minio ]]; then
    exit 0
fi
go=$(local/install/go.sh)
GOBIN=$PWD/.local/bin CGO_ENABLED=0 "$go" install "$module" </dev/null ||
    stop "MinIO could not be built" "read Go's messages above; when they name the network or a proxy, set GOPROXY right and run make install again."
keep minio "$made_from"
