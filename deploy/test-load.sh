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

rows=("$@")
if ((${#rows[@]} == 0)); then
  for script in "$root"/deploy/load/*.py; do
    name=$(basename "$script" .py)
    [[ $name == common ]] || rows+=("$name")
  done
fi

failed=0
printf '%-44s %-52s %-40s %s\n' tried figure limit ''
for row in "${rows[@]}"; do
  [[ -f $root/deploy/load/$row.py ]] || fail "no such row: $row"
  status=0
  SPIKERAY_BIN=$scratch/spikeray PACE=$scratch/pace SPIKERAY_SCRATCH=$scratch timeout 300 python3 "$root/deploy/load/$row.py" \
    >"$scratch/$row.rows" 2>"$scratch/$row.err" || status=$?
  while IFS=$'\t' read -r tried figure limit verdict; do
    printf '%-44s %-52s %-40s %s\n' "$tried" "$figure" "$limit" "$verdict"
    [[ $verdict == failed ]] && failed=1
  done <"$scratch/$row.rows"
  if ((status != 0)); then
    failed=1
    printf '%-44s %-52s %-40s %s\n' "$row" "the script ended with status $status" "" failed
    tail -5 "$scratch/$row.err" >&2
  fi
done
exit "$failed"
