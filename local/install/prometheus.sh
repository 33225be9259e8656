#!/usr/bin/env bash
# Prometheus and promtool, Alertmanager's amtool, and what tells of the machine and of Postgres: the packages of the
# operating system, unpacked into .local/ and not installed, because installed they would run daemons of their own from
# now on. Elsewhere: what is on the PATH.
. "$(dirname "$0")/part.sh"
programs=(prometheus promtool amtool node_exporter postgres_exporter)
made_from=$(digest local/install/prometheus.sh "$PWD")
all_there() {
    local program
    for program in "${programs[@]}"; do
        [[ -x .local/bin/$program ]] || return 1
    done
}
if made prometheus "$made_from" && all_there; then
    exit 0
fi
mkdir -p .local/bin

if ! command -v apt-get >/dev/null; then
    for program in "${programs[@]}"; do
        found=$(PATH=${PATH//$PWD\/.local\/bin:/} command -v "$program") ||
            stop "$program is not on the PATH, and this is neither Debian nor Ubuntu" \
                "install Prometheus, Alertmanager, node_exporter (macOS: brew install prometheus alertmanager node_exporter) and postgres_exporter (go install github.com/prometheus-community/postgres_exporter/cmd/postgres_exporter@latest); then run make install again."
        ln -sf "$found" ".local/bin/$program"
    done
    keep prometheus "$made_from"
    exit 0
fi

fetch() { # the packages, with what the web page is made of, into the working directory
    local page
    page=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances prometheus | grep '^libjs-')
    # shellcheck disable=SC2086 # one word for each package
    apt-get -qq download prometheus prometheus-alertmanager prometheus-node-exporter prometheus-postgres-exporter $page
}

root=$PWD/.local/prometheus
rm -rf "$root"
mkdir -p "$root/packages"
cd "$root/packages"
if ! fetch; then
    as_root=()
    ((EUID == 0)) || as_root=(sudo -n)
    "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 -qq update </dev/null && fetch ||
        stop "the packages of Prometheus, Alertmanager and the exporters could not be fetched" \
            "run apt-get update as root, read its messages, and run make install again."
fi
for package in *.deb; do
    dpkg-deb -x "$package" "$root"
done
cd "$root/../.."
rm -rf "$root/packages"

# Debian's Prometheus looks for its web page where the package would have been installed.
printf '#!/bin/sh\nexec "%s" --web.local-assets="%s" "$@"\n' "$root/usr/bin/prometheus" "$root/usr/share/prometheus/web" >.local/bin/prometheus
chmod 755 .local/bin/prometheus
ln -sf "$root/usr/bin/promtool" "$root/usr/bin/amtool" .local/bin/
ln -sf "$root/usr/bin/prometheus-node-exporter" .local/bin/node_exporter
ln -sf "$root/usr/bin/prometheus-postgres-exporter" .local/bin/postgres_exporter
keep prometheus "$made_from"
