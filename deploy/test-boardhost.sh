#!/usr/bin/env bash
# Tries boards against the other side's own software: the board host's simulator, Lava's simulation of Loihi and Akida's software through the board host,
# and SpiNNaker's toolchain. Each needs an interpreter that can import its package; a missing one is skipped, and the script says so.
#
#   SPIKERAY_BOARDHOST_PYTHON  with numpy       (python3)
#   SPIKERAY_LAVA_PYTHON       with lava-nc     (python3)
#   SPIKERAY_AKIDA_PYTHON      with akida       (python3)
#   SPIKERAY_SPINNMAN          with spynnaker   (python3)
#
# --install makes virtual environments for those that are missing, from deploy/boardhost/requirements*.txt, in a folder that is
# deleted afterwards. Lava wants Python 3.10.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

host=${root:?}/deploy/boardhost
export PYTHONDONTWRITEBYTECODE=1
[[ ${1:-} == --install ]] && install=1

# offer VARIABLE MODULE REQUIREMENTS PYTHON: sees to it that the variable names an interpreter that has the module; false if none has.
offer() {
  local variable=$1 module=$2 requirements=$host/$3 python=$4
  local path=${!variable:-python3}
  if ! "$path" -c "import $module" >/dev/null 2>&1; then
    if [[ -z ${install:-} ]] || ! "$python" -c '' 2>/dev/null; then
      echo "  skip  $path cannot import $module; $variable names an interpreter that can, --install makes one with $python"
      return 1
    fi
    scratch=${scratch:-$(mktemp -d)}
    trap 'rm -rf "$scratch"' EXIT
    "$python" -m venv "$scratch/$module"
    "$scratch/$module/bin/pip" -q install -r "$requirements" || fail "cannot install $requirements"
    path=$scratch/$module/bin/python
  fi
  export "$variable=$path"
}

# go_test NAME PACKAGE PATTERN: runs tests, none of which may be skipped as a whole.
go_test() {
  local log
  log=$(cd "$root" && go test "$2" -count=1 -timeout 30m -v -run "$3" 2>&1) || { echo "$log" >&2; fail "$1"; }
  ! grep -q '^--- SKIP' <<<"$log" || { grep -A1 '^--- SKIP' <<<"$log" >&2; fail "$1: skipped"; }
  grep -Eo '[0-9]+ networks.*' <<<"$log" | sed 's/^/        /' || true
  pass "$1"
}

title "The host and its simulator"
if offer SPIKERAY_BOARDHOST_PYTHON numpy requirements.txt python3; then
  (cd "$host" && "$SPIKERAY_BOARDHOST_PYTHON" -m unittest discover -s tests -t . 2>&1) || fail "the host's own tests"
  pass "the host's own tests"
  go_test "contract, random networks, faults" ./pkg/hw/remote 'TestProcessIsABoard|TestRandomNetworks|TestHostProcess|TestNetworkOfTheHost|TestHostileRequests'
  go_test "a server whose host dies, hangs, answers wrongly and comes back" ./cmd/server 'TestABoardHost|TestAServerThatCrashed|TestSelftestOfAHost'
fi
title "Lava"
if offer SPIKERAY_LAVA_PYTHON lava.magma requirements-lava.txt python3.10; then
  go_test "contract; the emulator's integers" ./pkg/hw/remote TestLava
  go_test "a picture on the emulator, on Lava and on the simulator" ./cmd/server TestEmulatorLavaAndSimulatorAnswerTheSame
fi
title "Akida"
if offer SPIKERAY_AKIDA_PYTHON akida requirements-akida.txt python3; then
  go_test "the simulator's spikes; refusals" ./pkg/hw/remote TestAkida
fi
title "SpiNNaker's toolchain"
if offer SPIKERAY_SPINNMAN spynnaker requirements-spinnaker.txt python3; then
  go_test "packets, databases, a network run by the toolchain" ./pkg/hw/spinnaker 'SpiNNMan|AtRandom|Toolchain'
fi
