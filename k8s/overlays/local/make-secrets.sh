#!/usr/bin/env bash
# Generate what is missing of the laptop cluster's passwords and keys, into secrets/, which git ignores. An S3 key is named
# after its user; a password stays as it is once it is there, since Postgres takes it over only on its first start.
set -euo pipefail
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

for name in postgres-{superuser,owner,batch-producer,ingestor,trainer,reader,auditor,mlflow,exporter} grafana; do
    [[ -s secrets/$name.env ]] || printf 'password=%s\n' "$(random)" >"secrets/$name.env"
done
for user in root trainer predictor mlflow; do
    [[ -s secrets/s3-$user.env ]] || printf 'access-key=%s\nsecret-key=%s\n' "readmit-$user" "$(random)" >"secrets/s3-$user.env"
done
