#!/bin/sh
# Buckets, and a key for each who needs one, with what it needs. What is there keeps its content.
set -eu

secret() { cat "/run/secrets/s3-$1"; }

mc alias set store http://minio:9000 readmit-root "$(secret root)" >/dev/null
mc mb --ignore-existing store/readmit-models store/readmit-mlflow

for user in trainer predictor mlflow; do
    mc admin user add store "$user" "$(secret "$user")"
    mc admin policy create store "readmit-$user" "/policies/policy-$user.json"
    # It is an error to attach what is attached already. The image has no grep.
    case $(mc admin policy entities store --user "$user") in
        *"readmit-$user"*) ;;
        *) mc admin policy attach store "readmit-$user" --user "$user" ;;
    esac
done
