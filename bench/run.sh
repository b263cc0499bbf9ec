#!/usr/bin/env bash
# Measures spikeray beside the runtimes people would otherwise use:  bench/run.sh [--quick]
#
# Needs Go and Python 3.11 or newer. The peers go into a virtual environment in the user's cache, once for
# each requirements.txt. Arguments are run.py's; --help lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "$("$python" --version) is older than 3.11; PYTHON names another" >&2
  exit 1
}
key=$({ "$python" -c 'import sys; print(sys.version, sys.prefix)' && cat bench/requirements.txt; } | sha256sum | cut -c1-16)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/spikeray/bench-$key
if [[ ! -e $venv/complete ]]; then
  echo "installing the peers into $venv" >&2
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement bench/requirements.txt
  touch "$venv/complete"
fi
exec "$venv/bin/python" bench/run.py "$@"
