#!/usr/bin/env bash
# Does to a running server what happens to a service in the field, for long enough that what leaks shows, and prints what came of it
# beside what must. docs/RELIABILITY.md says what each row stands for, and has its last figures.
#
#   deploy/test-chaos.sh [--short] [ROW…]
#
# A row is a script of deploy/chaos, by its name without .py; all of them when none is named. Each starts servers of its own on
# loopback and prints lines of a row, a figure, its limit, and ok or failed. Whole, it takes some two hours. How long a row takes is
# said by a variable; --short gives each that is not set a value with which all rows together take some minutes:
#
#   variable           whole  short
#   OVERLOAD_SECONDS     600     30   how long twice the capacity is asked for
#   SLOW_SECONDS          60     15   how long each kind of slow client stays
#   NETWORK_SECONDS       30      6   how long each fault of the network lasts
#   SIGTERMS              50      6   how often a server under load is ended, with the audit log and without
#   SOAK_SECONDS        3600    180   how long the soak is
#   KILLS                 20      5   how often a server is killed
#   MEMORY_SECONDS       120     25   how long each limit of memory is tried
#   CLOCK_SECONDS          8      8   how long there is load around each jump of the clock
#
# Needs Python, Go and, for toxiproxy, Go's module proxy unless toxiproxy-server is there; slowhttptest is installed where that is
# possible. A row that needs more (root, control groups) says that it was skipped. Run it on a machine that has nothing else to do.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [[ ${1:-} == --short ]]; then
  shift
  export OVERLOAD_SECONDS=${OVERLOAD_SECONDS:-30} SLOW_SECONDS=${SLOW_SECONDS:-15} NETWORK_SECONDS=${NETWORK_SECONDS:-6}
  export SIGTERMS=${SIGTERMS:-6} SOAK_SECONDS=${SOAK_SECONDS:-180} KILLS=${KILLS:-5} MEMORY_SECONDS=${MEMORY_SECONDS:-25}
fi

need go golang
need python3 python3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$root" && CGO_ENABLED=0 go build -o "$scratch/spikeray" ./cmd/server && CGO_ENABLED=0 go build -o "$scratch/pace" ./deploy/load/pace)
mkdir "$scratch/pictures"
(cd "$root" && go run ./deploy/audit/pictures -n 90 -o "$scratch/pictures" examples/*.png)
(cd "$root" && go build -o "$scratch/films" ./deploy/pacs/films)
toxiproxy=$(command -v toxiproxy-server || true)
if [[ -z $toxiproxy ]] && GOBIN=$scratch go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0 2>/dev/null; then
  toxiproxy=$scratch/server
fi
(need slowhttptest slowhttptest) || true # its rows say that they were skipped
export PACE=$scratch/pace PICTURES=$scratch/pictures FILMS=$scratch/films TOXIPROXY=$toxiproxy
run_rows "$scratch" chaos trial "$((${SOAK_SECONDS:-3600} + 3600))" "$@"
