#!/usr/bin/env bash
# What comes from the operating system: Python with venv, Java, Maven, PostgreSQL, kcat. Installs what is missing only.
# Arguments name further parts: wrk, which only the benchmark of serving needs, node, which only the check of the
# AsyncAPI document needs, chromium, which only pictures of pages need, and engine, which only the check of the images
# needs.
. "$(dirname "$0")/part.sh"

has_python() { local/install/python-version.sh >/dev/null 2>&1; }
has_java() { command -v java >/dev/null && (($(major_of "$(java -version 2>&1 | sed -n 's/.* version "\([0-9.]*\).*/\1/p')") >= 17)); }
has_maven() { command -v mvn >/dev/null; }
has_postgres() {
    local folder
    for folder in /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
        [[ -x $folder/postgres ]] && (($(major_of "$(basename "$(dirname "$folder")" | sed 's/.*@//')") >= 15)) && return 0
    done
    command -v postgres >/dev/null && (($(major_of "$(postgres --version | awk '{print $3}')") >= 15))
}
has_kcat() { command -v kcat >/dev/null; }
# LightGBM's library is linked against it, and slim images leave it out.
has_openmp() { [[ $(uname) == Darwin ]] || ldconfig -p 2>/dev/null | grep -q 'libgomp\.so\.1' || compgen -G '/usr/lib/*/libgomp.so.1' >/dev/null; }
has_node() { command -v npm >/dev/null && command -v node >/dev/null && (($(major_of "$(node --version | tr -d v)") >= 18)); }
has_wrk() { command -v wrk >/dev/null; }
has_engine() { command -v dockerd >/dev/null && command -v mmdebstrap >/dev/null && [[ -x /usr/bin/docker ]]; }
has_chromium() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; }
has_certificates() { [[ $(uname) == Darwin || -e /etc/ssl/certs/ca-certificates.crt || -n ${SSL_CERT_FILE:-} ]]; }

missing=()
for part in python java maven postgres kcat openmp certificates "$@"; do
    "has_$part" || missing+=("$part")
done
if ((${#missing[@]} == 0)); then
    exit 0
fi
echo "missing: ${missing[*]}"

if [[ $(uname) == Darwin ]]; then
    stop "missing: ${missing[*]}" "brew install python@3.12 openjdk@17 maven postgresql@16 go kcat libomp prometheus alertmanager node_exporter $*, and put openjdk@17 on the PATH; then run make install again."
fi
if ! command -v apt-get >/dev/null; then
    stop "missing: ${missing[*]}, and this is neither Debian nor Ubuntu" \
        "install Python 3.11 or newer with venv, Java 17 or newer, Maven, PostgreSQL 15 or newer, kcat and libgomp by your package manager; then run make install again."
fi

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && [[ ! -t 0 ]]; }; then
        stop "missing: ${missing[*]}, and this user cannot become root without being asked for a password" \
            "run as root: apt-get update && apt-get install --no-install-recommends python3-venv default-jre-headless maven postgresql kcat libgomp1 ca-certificates $*; then make install again."
    fi
    as_root=(sudo)
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq "$@" </dev/null; }

apt update
candidate() { apt-cache policy "$1" | awk '/Candidate:/ && $2 != "(none)" { print $2 }'; }

wanted=()
for part in "${missing[@]}"; do
    case $part in
        python) wanted+=(python3 python3-venv) ;;
        java)
            for package in openjdk-21-jre-headless openjdk-17-jre-headless default-jre-headless; do
                [[ -n $(candidate "$package") ]] && wanted+=("$package") && break
            done
            ;;
        maven) wanted+=(maven) ;;
        postgres)
            version=$(candidate postgresql)
            if (($(major_of "${version:-0}") < 15)); then
                stop "this release of the system has PostgreSQL ${version:-not at all}, and 15 or newer is needed" \
                    "add PostgreSQL's own apt repository (apt-get install postgresql-common && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh), then run make install again."
            fi
            wanted+=(postgresql)
            ;;
        kcat) wanted+=(kcat) ;;
        openmp) wanted+=(libgomp1) ;;
        node) wanted+=(nodejs npm) ;;
        wrk) wanted+=(wrk) ;;
        engine) wanted+=(docker.io mmdebstrap) ;;
        chromium) wanted+=(chromium) ;;
        certificates) wanted+=(ca-certificates) ;;
    esac
done

# The package would otherwise make a cluster of its own and start it. The wish is withdrawn again afterwards: it is for
# this installation, not for the machine.
no_cluster=/etc/postgresql-common/createcluster.d/readmit.conf
if [[ " ${wanted[*]} " == *" postgresql "* ]]; then
    trap '"${as_root[@]}" rm -f "$no_cluster"' EXIT
    "${as_root[@]}" mkdir -p "$(dirname "$no_cluster")"
    echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_cluster" >/dev/null
fi
apt install --no-install-recommends -y "${wanted[@]}" ||
    stop "apt-get could not install: ${wanted[*]}" "read its messages above; when they name the network, run make install again."

for part in "${missing[@]}"; do
    "has_$part" || stop "$part is still missing or too old after installing ${wanted[*]}" "install a newer one by hand (Python 3.11, Java 17, PostgreSQL 15 or newer); then run make install again."
done
