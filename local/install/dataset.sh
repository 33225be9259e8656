#!/usr/bin/env bash
# The dataset, checked by its digest: READMIT_DATASET, .local/data, shared/data beside the checkout, else a download.
# Without it a synthetic file stands in, loudly, and this goes on.
. "$(dirname "$0")/part.sh"
made_from=$(digest "${READMIT_DATASET:-}")
if made dataset "$made_from" && [[ -f .local/data/dataset.csv ]]; then
    exit 0
fi
real=$(.venv/bin/python -c '
import sys
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.dataset import ensure
print(ensure(Checkout.find(), announce=lambda text: print(text, file=sys.stderr)))
')
if [[ $real == True ]]; then
    keep dataset "$made_from"
fi
