#!/usr/bin/env bash
# Tries the audit log: kills a server in the midst of a thousand answers, checks the chain with a second implementation, answers all
# of them again on two processor tiers and on the emulated Loihi, and measures what a record costs. Prints what came of
# it beside what must.
#
#   deploy/test-audit.sh [--pictures FOLDER] [ROW…]
#
# A row is a script of deploy/audit, by its name without .py; all of them when none is named. Each starts servers of its own on
# loopback. The pictures are made from those of examples/, or from the files in FOLDER (PNG or JPEG). Needs Python and Go. Takes some
# minutes; AUDIT_PICTURES is how many pictures there are, 1000.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need go golang
need python3 python3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
from=("${root:?}"/examples/*.png)
if [[ ${1:-} == --pictures ]]; then
  mapfile -t from < <(find -L "${2:?--pictures needs a folder}" -type f \( -iname '*.png' -o -iname '*.jpg' -o -iname '*.jpeg' \) | sort)
  ((${#from[@]} > 0)) || fail "no PNG or JPEG in $2"
  shift 2
fi
(cd "$root" && CGO_ENABLED=0 go build -o "$scratch/spikeray" ./cmd/server && CGO_ENABLED=0 go build -o "$scratch/pace" ./deploy/load/pace)
mkdir "$scratch/pictures"
(cd "$root" && go run ./deploy/audit/pictures -n "${AUDIT_PICTURES:-1000}" -o "$scratch/pictures" "${from[@]}")
unset AUDIT_PICTURES
export PACE=$scratch/pace PICTURES=$scratch/pictures
run_rows "$scratch" audit journal 1800 "$@"
