#!/usr/bin/env bash
# Install what is missing, side by side where that helps; `make install` calls this. Arguments name single parts.
. "$(dirname "$0")/part.sh"
# Every background part gets a process group, so that a failure can end the others with all their children.
set -m

s3=${READMIT_S3:-minio}
[[ $s3 == minio || $s3 == versity ]] || stop "READMIT_S3 is '$s3'" "set it to minio or versity, or unset it."
airflow=" airflow statsd"
[[ ${AIRFLOW:-yes} != no ]] || airflow=""
parts=${*:-python kafka $s3 mlflow prometheus$airflow}
running=""

touch .local/stamp/begun

say() { printf '[%4d s] %s\n' "$SECONDS" "$1"; }

fail() { # part
    say "$1: FAILED; the end of .local/log/install-$1.log:"
    tail -n 25 ".local/log/install-$1.log"
    exit 1
}

foreground() { # part: everything behind it needs it
    local begun=$SECONDS
    "local/install/$1.sh" >".local/log/install-$1.log" 2>&1 || fail "$1"
    ((SECONDS - begun < 2)) || say "$1: done in $((SECONDS - begun)) s"
}

background() { # part
    case " $running " in *" $1 "*) return 0 ;; esac
    "local/install/$1.sh" >".local/log/install-$1.log" 2>&1 </dev/null &
    printf -v "pid_of_$1" '%s' $!
    running="$running $1"
}

end_background() {
    local part pid
    for part in $running; do
        pid=pid_of_$part
        kill -- "-${!pid}" 2>/dev/null || true
    done
}
trap end_background EXIT

# The slowest part first: with a Go at hand it is built while everything else is fetched.
case " $parts " in *" $s3 "*) if local/install/go.sh --on-path >/dev/null; then background "$s3"; fi ;; esac
foreground packages
foreground uv
# Two parts may be built by it at the same time, and only one may install it.
case " $parts " in
    *" $s3 "* | *" statsd "*) local/install/go.sh --on-path >/dev/null || foreground go ;;
esac
for part in $parts; do
    background "$part"
done

next_word=$((SECONDS + 15))
while [[ -n $running ]]; do
    left=""
    for part in $running; do
        pid=pid_of_$part
        if kill -0 "${!pid}" 2>/dev/null; then
            left="$left $part"
        else
            wait "${!pid}" || fail "$part"
            [[ ! .local/stamp/$part -nt .local/stamp/begun ]] || say "$part: done"
        fi
    done
    running=$left
    if [[ -n $running ]] && ((SECONDS >= next_word)); then
        say "at work:$running"
        next_word=$((SECONDS + 15))
    fi
    [[ -z $running ]] || sleep 0.1
done
case " $parts " in *" python "*)
    foreground dataset
    # Its announcements are for whoever looks on: a synthetic file must never be taken for the real one.
    grep -h . .local/log/install-dataset.log || true
    ;;
esac
say "installed: system packages, uv, ${parts// /, }"
