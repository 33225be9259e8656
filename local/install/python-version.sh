#!/usr/bin/env bash
# Print the Python to build environments with: $PYTHON, else python3, else the newest that is known by its number.
# What is printed is never an environment's own, even when one is activated.
set -euo pipefail
fits='import sys, venv, ensurepip
if not (3, 11) <= sys.version_info[:2] <= (3, 13): raise SystemExit(1)
print(sys._base_executable)'
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c "$fits" 2>/dev/null; then
        exit 0
    fi
done
echo "no Python 3.11, 3.12 or 3.13 with venv; set PYTHON to one" >&2
exit 1
