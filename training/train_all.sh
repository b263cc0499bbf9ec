#!/usr/bin/env bash
# Trains both networks on seeds 0..N-1 (default 5), turn about; stopped, it goes on where it was.
#   training/train_all.sh DATA OUT [N]
set -euo pipefail
data=$(realpath "$1"); mkdir -p "$2"; out=$(realpath "$2"); seeds=${3:-5}
cd "$(dirname "$0")"
for ((seed = 0; seed < seeds; seed++)); do
  for recipe in snnxray cnnxray; do
    "${PYTHON:-python}" -m spikeray article train "$recipe" --data "$data" --out "$out/$recipe-$seed" --seed "$seed" --quiet
  done
done
