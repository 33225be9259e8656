#!/usr/bin/env bash
# The image runs this once, when its volume is empty: databases, and a login for each who needs one. What is inside a
# database is the migrations'.
set -euo pipefail

login() { # name, password
    psql --no-psqlrc --set ON_ERROR_STOP=1 --set login="$1" --set password="$2" --dbname postgres \
        <<<"CREATE ROLE :\"login\" WITH LOGIN PASSWORD :'password'"
}

database() { # name, owner, then whoever else may enter
    local name=$1 owner=$2
    shift 2
    psql --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres \
        --command "CREATE DATABASE $name OWNER $owner TEMPLATE template0" \
        --command "REVOKE ALL ON DATABASE $name FROM PUBLIC"
    for guest in "$@"; do
        psql --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres \
            --command "GRANT CONNECT, TEMPORARY ON DATABASE $name TO $guest"
    done
}

login readmit_owner "$OWNER_PASSWORD"
login readmit_batch_producer "$BATCH_PRODUCER_PASSWORD"
login readmit_ingestor "$INGESTOR_PASSWORD"
login readmit_trainer "$TRAINER_PASSWORD"
login readmit_reader "$READER_PASSWORD"
login readmit_auditor "$AUDITOR_PASSWORD"
login mlflow "$MLFLOW_PASSWORD"
login postgres_exporter "$EXPORTER_PASSWORD"
psql --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres --command "GRANT pg_monitor TO postgres_exporter"
database readmit readmit_owner \
    readmit_owner readmit_batch_producer readmit_ingestor readmit_trainer readmit_reader readmit_auditor
database mlflow mlflow mlflow
