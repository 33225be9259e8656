#!/usr/bin/env bash
# Build the images and run the system from them. `make images-test` calls this.
#
# A Docker engine that runs is used as it is, with the base that the Dockerfiles name. Without one, root on Debian or
# Ubuntu gets an engine of this checkout's own, which needs no registry: it builds on a base made from Debian's packages.
. "$(dirname "$0")/../install/part.sh"

skip() {
    printf 'images-test: SKIPPED, nothing was checked: %s\n' "$1"
    exit 0
}

state=$PWD/.local/engine

start_engine() {
    mkdir -p "$state"
    export DOCKER_HOST=unix://$state/docker.sock
    # Without a network of its own, for its containers use the machine's; so it changes no rule of a firewall.
    setsid dockerd --host "$DOCKER_HOST" --data-root "$state/data" --exec-root "$state/exec" \
        --pidfile "$state/docker.pid" --bridge=none --iptables=false --ip6tables=false --ip-forward=false \
        --ip-masq=false --live-restore=false >"$state/log" 2>&1 &
    engine=$!
    trap stop_engine EXIT
    for _ in {1..100}; do
        if "$DOCKER" info >/dev/null 2>&1; then return; fi
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.2
    done
    skip "the engine did not start here: $(grep -o 'failed.*' "$state/log" | tail -n 1)"
}

stop_engine() {
    kill "$engine" || true
    wait "$engine" || true
    umount "$state/exec/netns/default" || true # it stays mounted, and `make clean` could not remove the folder
}

make_base() { # what python:3.11-slim-bookworm has, of Debian's own packages; it trusts whom this machine trusts
    "$DOCKER" image inspect "$BASE" >/dev/null 2>&1 && return
    mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-venv \
        --customize-hook='ln -s python3 "$1/usr/bin/python"' \
        --customize-hook='copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs' \
        --customize-hook='if [ -e /etc/pip.conf ]; then cp /etc/pip.conf "$1/etc/pip.conf"; fi' \
        bookworm - | "$DOCKER" import - "$BASE" >/dev/null
}

[[ $(uname) == Linux ]] || skip "containers share the servers' network only where the engine runs on Linux itself."
if docker info >/dev/null 2>&1; then
    export DOCKER=docker
else
    ((EUID == 0)) || skip "no Docker engine answers, and only root can start one."
    command -v apt-get >/dev/null || skip "no Docker engine answers, and this is neither Debian nor Ubuntu."
    local/install/packages.sh engine || skip "no Docker engine answers, and its packages could not be installed."
    # Debian's own client: another one may be older or newer than the engine, or lack what builds.
    export DOCKER=/usr/bin/docker BASE=readmit-base:bookworm BUILD_OPTIONS="--network host"
    start_engine
    make_base
fi

local/images/build-all.sh
READMIT_DOCKER=$DOCKER .venv/bin/pytest -s -p no:cacheprovider tests/images
