#!/usr/bin/env bash
# Puts the Open Inference Protocol to the test with the clients that speak it: Triton's for Python (HTTP, blocking and asyncio)
# and KServe's, against a server of its own on loopback.
#
#   deploy/test-oip.sh
#
# Needs Go and Python. SPIKERAY_OIP_PYTHON names an interpreter with tritonclient[http] and kserve; without it a virtual environment
# is made of deploy/oip/requirements.txt, in a folder that is deleted afterwards.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need python3 python3
scratch=$(mktemp -d)
server=
trap 'stop $server; rm -rf "$scratch"' EXIT
python=${SPIKERAY_OIP_PYTHON:-}
if [[ -z $python ]]; then
  title "The clients"
  python3 -m venv "$scratch/venv"
  "$scratch/venv/bin/pip" install --quiet -r "${root:?}/deploy/oip/requirements.txt" || fail "cannot install deploy/oip/requirements.txt"
  python=$scratch/venv/bin/python
  pass "$("$scratch/venv/bin/pip" list 2>/dev/null | awk '/^(tritonclient|kserve|numpy) / {printf "%s %s  ", $1, $2}')"
fi
serve "$scratch"
export PYTHONDONTWRITEBYTECODE=1 OIP_URL=${url#http://} OIP_EXAMPLES=$root/examples
title "Triton's client"
"$python" "$root/deploy/oip/triton.py"
title "KServe's client"
"$python" "$root/deploy/oip/kserved.py"
