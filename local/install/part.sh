# shellcheck shell=bash
# Sourced by every part: the checkout as working directory, and stamps that make a second run a matter of milliseconds.
# A stamp is the digest of everything the part was made from; it is written last, so an interrupted part is made again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
unset PYTHONDONTWRITEBYTECODE
mkdir -p .local/log .local/stamp

digest() { # of the files and texts given
    local input
    for input in "$@"; do
        if [[ -f $input ]]; then cat -- "$input"; else printf '%s\n' "$input"; fi
    done | cksum | tr ' ' '-'
}

made() { # part, digest: was it made from exactly this?
    [[ -f .local/stamp/$1 && $(<".local/stamp/$1") == "$2" ]]
}

keep() { # part, digest
    printf '%s\n' "$2" >".local/stamp/$1"
}

stop() { # what happened, what to do next
    printf 'What is wrong: %s\nWhat to do:    %s\n' "$1" "$2" >&2
    exit 1
}

major_of() { # the leading number of a version
    [[ $1 =~ ^([0-9]+) ]] && printf '%s' "${BASH_REMATCH[1]}" || printf 0
}

built_by_go() { # part, program, module with its version
    local made_from go
    made_from=$(digest "$3")
    if made "$1" "$made_from" && [[ -x .local/bin/$2 ]]; then
        return 0
    fi
    go=$(local/install/go.sh)
    GOBIN=$PWD/.local/bin CGO_ENABLED=0 "$go" install "$3" </dev/null ||
        stop "$2 could not be built" "read Go's messages above; when they name the network or a proxy, set GOPROXY right and run make install again."
    keep "$1" "$made_from"
}
