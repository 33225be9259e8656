#!/usr/bin/env bash
# Build every image of this repository, or those named. `make images` calls this.
#
# DOCKER is the client (docker), BASE another image to build on than the Dockerfiles name, BUILD_OPTIONS goes to every
# `docker build`: behind a proxy or with a package index of your own, that is where to say so.
set -euo pipefail
cd "$(dirname "$0")/../.."

images=( # name, version, folder of the Dockerfile
    "batch-producer 0.1.0 services/batch_producer"
    "ingestor 0.1.0 services/ingestor"
    "trainer 0.1.0 services/trainer"
    "predictor 0.1.0 services/predictor"
    "migrations 0.1.0 migrations"
    "cli 0.1.0 packages/cli"
    "mlflow 3.17.2 local/mlflow"
    "loadtest 0.1.0 loadtests"
)
options=(--build-arg "REVISION=$(git rev-parse HEAD)")
if [[ -n ${BASE:-} ]]; then options+=(--build-arg "BASE=$BASE"); fi
read -ra more <<<"${BUILD_OPTIONS:-}"

mkdir -p .local/log
for image in "${images[@]}"; do
    read -r name version folder <<<"$image"
    if (($#)) && [[ " $* " != *" $name "* ]]; then continue; fi
    log=.local/log/image-$name.log
    if ! DOCKER_BUILDKIT=1 "${DOCKER:-docker}" build "${options[@]}" ${more[@]+"${more[@]}"} \
        --tag "readmit/$name:$version" --file "$folder/Dockerfile" . >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        printf 'What is wrong: readmit/%s could not be built; all of it is in %s\n' "$name" "$log" >&2
        exit 1
    fi
    printf 'readmit/%s:%s\n' "$name" "$version"
done
