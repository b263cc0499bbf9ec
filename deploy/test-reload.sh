#!/usr/bin/env bash
# Swaps a model of a running server a thousand times under load, in every way that there is: the file current and SIGHUP, requests,
# files that are renamed or written over in place, bad files. No request may fail, and every answer must be that of the version and
# the file that it names. Descriptors, goroutines and memory must not grow.
#
#   deploy/test-reload.sh [RELOADS [MODEL]]
#
# MODEL is a shipped one, spikeray unless another is named. Needs Go alone. A thousand take some minutes.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need go golang
reloads=${1:-1000}
model=${2:-spikeray}
title "$reloads reloads of $model under load"
cd "$root"
go test ./cmd/server -count=1 -timeout 2h -run '^TestReloadsUnderLoad$' -v -reloads "$reloads" -reload-model "$model"
pass "none failed, none mixed"
