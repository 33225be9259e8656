#!/usr/bin/env bash
# MinIO's server, built from its last public state; a few minutes once, afterwards from Go's own cache.
. "$(dirname "$0")/part.sh"
built_by_go minio minio github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
