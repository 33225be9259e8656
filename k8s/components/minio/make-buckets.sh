#!/bin/sh
# Buckets, and a key for each who needs one, with what it needs. What is there keeps its content.
set -eu

mc alias set store http://minio:9000 "$ROOT_ACCESS_KEY" "$ROOT_SECRET_KEY"
mc mb --ignore-existing store/readmit-models store/readmit-mlflow

user() { # name, access key, secret key
    mc admin user add store "$2" "$3"
    mc admin policy create store "rights-of-$1" "/buckets/policy-$1.json"
    # It is an error to attach what is attached already.
    case $(mc admin policy entities store --user "$2") in
        *"rights-of-$1"*) ;;
        *) mc admin policy attach store "rights-of-$1" --user "$2" ;;
    esac
}

user trainer "$TRAINER_ACCESS_KEY" "$TRAINER_SECRET_KEY"
user predictor "$PREDICTOR_ACCESS_KEY" "$PREDICTOR_SECRET_KEY"
user mlflow "$MLFLOW_ACCESS_KEY" "$MLFLOW_SECRET_KEY"
