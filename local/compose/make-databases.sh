#!/usr/bin/env bash
# Postgres' image runs this once, when its volume is empty: databases, and a login for each who needs one. What is inside
# a database is the migrations'.
set -euo pipefail

run() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres "$@"; }

login() { # name, then its secret
    run --set login="$1" --set password="$(<"/run/secrets/$2")" <<<"CREATE ROLE :\"login\" WITH LOGIN PASSWORD :'password'"
}

database() { # name, owner, then whoever else may enter
    local name=$1 owner=$2
    shift 2
    run --command "CREATE DATABASE $name OWNER $owner TEMPLATE template0" --command "REVOKE ALL ON DATABASE $name FROM PUBLIC"
    for guest in "$@"; do run --command "GRANT CONNECT, TEMPORARY ON DATABASE $name TO $guest"; done
}

login readmit_owner postgres-owner
login readmit_batch_producer postgres-batch-producer
login readmit_ingestor postgres-ingestor
login readmit_trainer postgres-trainer
login readmit_reader postgres-reader
login readmit_auditor postgres-auditor
login mlflow postgres-mlflow
login postgres_exporter postgres-exporter
run --command "GRANT pg_monitor TO postgres_exporter"
database readmit readmit_owner \
    readmit_owner readmit_batch_producer readmit_ingestor readmit_trainer readmit_reader readmit_auditor
database mlflow mlflow mlflow
