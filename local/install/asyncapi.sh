#!/usr/bin/env bash
# AsyncAPI's own parser, in a folder of its own; only the check of the AsyncAPI document needs it.
. "$(dirname "$0")/part.sh"
made_from=$(digest local/asyncapi/package.json local/asyncapi/package-lock.json local/asyncapi/check.mjs "$PWD")
if made asyncapi "$made_from" && [[ -d .local/asyncapi/node_modules ]]; then
    exit 0
fi
local/install/packages.sh node
mkdir -p .local/asyncapi
cp local/asyncapi/package.json local/asyncapi/package-lock.json local/asyncapi/check.mjs .local/asyncapi/
npm ci --prefix .local/asyncapi --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error </dev/null ||
    stop "AsyncAPI's parser could not be installed" "read npm's messages above; when they name the network, run it again."
keep asyncapi "$made_from"
