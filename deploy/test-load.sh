#!/usr/bin/env bash
# Puts the server under load, faults and hostile callers, and prints what it did beside what it must do.
#
#   deploy/test-load.sh [ROW…]
#
# A row is a script of deploy/load, by its name without .py; all of them when none is named. Each starts servers of its
# own on loopback, bounded in time and number, and prints lines of a row, a figure, its limit, and ok or failed. Needs Python
# and Go; a row that needs more (root, cgroups) says that it was skipped. Takes some minutes: run it on a machine that has
# nothing else to do.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need go golang
need python3 python3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$root" && CGO_ENABLED=0 go build -o "$scratch/spikeray" ./cmd/server && CGO_ENABLED=0 go build -o "$scratch/pace" ./deploy/load/pace)
export PACE=$scratch/pace
run_rows "$scratch" load common 300 "$@"
