#!/usr/bin/env bash
# Writes the reference of models/spikeray.safetensors from the answers of models/seeds, each to the block that it has not learnt from, and
# prints how often drift is raised and how soon (docs/DRIFT.md).
#   training/reference.sh DATA ELSEWHERE [FOLDS]
# DATA has train/{NORMAL,PNEUMONIA}; ELSEWHERE has labelled pictures of another place or time in NORMAL and PNEUMONIA. FOLDS is --blocks, or "" for models whose seeds
# were held out by random folds (before 2.0).
set -euo pipefail
data=$(realpath "$1"); elsewhere=$(realpath "$2"); blocks=${3---blocks}
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
export PYTHONPATH=training # whatever is installed, this tree's
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
go build -o "$scratch/spikeray" ./cmd/server
answers() { "$scratch/spikeray" evaluate --model "$1" --bootstrap 0 --csv "$2" 2>/dev/null >"$3"; }
for fold in 0 1 2 3 4; do
  # shellcheck disable=SC2086 # "" is no argument
  "$python" -m spikeray held-out --data "$data" --fold "$fold" $blocks --link "$scratch/fold-$fold" >/dev/null
  answers "models/seeds/spikeray-$fold.safetensors" "$scratch/fold-$fold" "$scratch/train-$fold.csv"
done
model=models/spikeray.safetensors
answers "$model" "$elsewhere" "$scratch/elsewhere.csv"
answers "$model" "$data/train" "$scratch/seen.csv"
"$python" -m spikeray drift "$model" --answers "$scratch"/train-*.csv --elsewhere "$scratch/elsewhere.csv"
"$python" training/experiments/drift.py "$model" --train "$scratch"/train-*.csv --elsewhere "$scratch/elsewhere.csv" --seen "$scratch/seen.csv"
