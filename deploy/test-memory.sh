#!/usr/bin/env bash
# Runs the server under memory limits and has many callers send it the largest pictures that it takes; prints the peak
# beside what it must be: below 80 % of the limit, and an answer, 200 or 503, for every request.
#
#   deploy/test-memory.sh [MIB…]
#
# The limits are 256, 512 and 1024 MiB when none is given, each with 2, 8 and 32 workers. Needs root and control groups of
# version 1 or 2. A progressive JPEG is among the pictures where Python has Pillow. Takes about five minutes.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ $EUID -eq 0 ]] || fail "run this as root: it makes control groups"
need go golang
need python3 python3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$root" && CGO_ENABLED=0 go build -o "$scratch/spikeray" ./cmd/server)
SPIKERAY_BIN=$scratch/spikeray SPIKERAY_SCRATCH=$scratch "${PYTHON:-python3}" "$root/deploy/memory.py" "$@"
