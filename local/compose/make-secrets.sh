#!/usr/bin/env bash
# Make the secrets of compose.yaml that are not there yet; each is in its own file, read by the containers it is given to.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=.local/compose/secrets
mkdir -p "$folder"
# The containers run as other users, and read files with this mode; on this machine the folder keeps everybody out.
chmod 0700 "$folder"
sed -n 's/^  \([a-z0-9-]*\): {file: .*/\1/p' compose.yaml | while read -r name; do
    if [[ ! -s $folder/$name ]]; then
        od -An -N 20 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$name"
        chmod 0444 "$folder/$name"
        echo "made $folder/$name"
    fi
done
