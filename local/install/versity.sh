#!/usr/bin/env bash
# Versity S3 Gateway, the other object store (READMIT_S3=versity); a minute or two once.
. "$(dirname "$0")/part.sh"
built_by_go versity versitygw github.com/versity/versitygw/cmd/versitygw@v1.8.0
