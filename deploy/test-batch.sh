#!/usr/bin/env bash
# Answers archives with batch and with pipe, kills what does it, and prints what came of it beside what must.
#
#   deploy/test-batch.sh [ROW…]
#
# A row is a script of deploy/batch, by its name without .py; all of them when none is named. Needs Go, Python with venv, and
# Debian's openjdk-17-jre-headless, which it installs as root. PySpark, Ray, pyarrow and DuckDB go into a folder of the user's
# cache, some 1.5 GB, once. Films come from SPIKERAY_TEST_FILMS, or from shared/data beside the checkout; without either, from
# examples/. Takes some ten minutes.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need go golang
need python3 python3
need java openjdk-17-jre-headless
venv=${XDG_CACHE_HOME:-$HOME/.cache}/spikeray/batch-$({ python3 -c 'import sys; print(sys.version, sys.prefix)' && cat "$root/deploy/batch/requirements.txt"; } | sha256sum | cut -c1-16)
if [[ ! -e $venv/complete ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$root/deploy/batch/requirements.txt"
  touch "$venv/complete"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$root" && CGO_ENABLED=0 go build -o "$scratch/spikeray" ./cmd/server)
export PATH=$venv/bin:$PATH
run_rows "$scratch" batch common 1800 "$@"
