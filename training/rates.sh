#!/usr/bin/env bash
# Writes models/NAME.rates.json of the shipped models that spike: how often their neurons fire on the pictures that the shipped run held out.
#   training/rates.sh DATA
# DATA has train/{NORMAL,PNEUMONIA}.
set -euo pipefail
data=$(realpath "$1")
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
export PYTHONPATH=training # whatever is installed, this tree's
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
go build -o "$scratch/measure" ./internal/rates/measure
# write NAME FOLD [--blocks]: the digest in the model's file tells whether they are the pictures that it has not learnt from.
write() {
  local name=$1 fold=$2 what="fold $2 of train, drawn by patient" told digest
  shift 2
  [[ -z ${1:-} ]] || what="block $fold of train"
  told=$("$python" -m spikeray held-out --data "$data" --fold "$fold" "$@" --link "$scratch/$name" | grep '^validation: ')
  digest=${told##* }
  grep -qa "$digest" "models/$name.safetensors" || { echo "$name held out other pictures than those with the digest $digest" && return 1; }
  "$scratch/measure" -model "$name" -pictures "$scratch/$name" \
    -source "The chest X-rays of Kermany, Zhang and Goldbaum (2018) that the shipped run held out: $what, digest $digest." >"$scratch/rates"
  mv "$scratch/rates" "models/$name.rates.json"
}
write spikeray 3 --blocks
write spikeray-board 0 --blocks
write snnxray 0
write snnxray-int8 0
