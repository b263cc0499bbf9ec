#!/usr/bin/env bash
# Holds the server to the command line: every original picture must get the same numbers over
# HTTP as from `predict --json`, by every shipped model, and `evaluate --json` must add up to what `predict` says of each.
#
#   deploy/check-parity.sh DATA
#
# DATA holds originals/{NORMAL,PNEUMONIA} and kermany/val/{NORMAL,PNEUMONIA}, the Kermany data set's layout.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ $# -eq 1 ]] || fail "usage: deploy/check-parity.sh DATA"
originals=$1/originals val=$1/kermany/val
for folder in "$originals"/{NORMAL,PNEUMONIA} "$val"/{NORMAL,PNEUMONIA}; do
  [[ -d $folder ]] || fail "no such folder: $folder"
done
scratch=$(mktemp -d)
server=''
clean_up() {
  local status=$?
  # shellcheck disable=SC2086 # empty when it never started
  stop $server
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT
need jq jq
pictures() { find "$1" -type f \( -iname '*.jpeg' -o -iname '*.jpg' -o -iname '*.png' \) -print0 | sort -z; }

title "originals, over HTTP and by predict --json"
serve "$scratch"
mapfile -d '' -t files < <(pictures "$originals")
((${#files[@]} > 0)) || fail "no picture in $originals"
curl --silent --show-error --fail --max-time 10 "$url/v1/models" | jq -r '.models[].name' >"$scratch/models"
[[ -s $scratch/models ]] || fail "no model"
while read -r model; do
  # One line a file, the numbers as 17 digits: equal lines are equal numbers.
  "$scratch/spikeray" predict --json --model "$model" "${files[@]}" >"$scratch/predict.json"
  jq -r 'if .error then error("\(.file): \(.error)") else [.file, .probability, .label] | @tsv end' \
    "$scratch/predict.json" >"$scratch/predict.tsv"
  for file in "${files[@]}"; do
    curl --silent --show-error --max-time 60 --output "$scratch/answer.json" --data-binary "@$file" \
      "$url/v1/predictions?model=$model"
    is_prediction "$scratch/answer.json" || fail "$model, $file: $(cat "$scratch/answer.json")"
    jq -r --arg file "$file" '[$file, .probability, .label] | @tsv' "$scratch/answer.json"
  done >"$scratch/http.tsv"
  diff "$scratch/predict.tsv" "$scratch/http.tsv" || fail "$model: the lines above differ"
  [[ $(wc -l <"$scratch/http.tsv") == "${#files[@]}" ]] || fail "$model: fewer answers than pictures"
  # Numbers that never move would be equal too.
  distinct=$(cut -f2 "$scratch/http.tsv" | sort -u | wc -l)
  ((distinct > ${#files[@]} / 2)) || fail "$model: only $distinct different probabilities"
  pass "$model: ${#files[@]} pictures, the same probability and label for each ($distinct different probabilities)"
  awk -F'\t' '{n[/\/NORMAL\// ? "NORMAL" : "PNEUMONIA", $3]++}
    END {for (k in n) {split(k, p, SUBSEP); print "        of " p[1] " answered " p[2] ": " n[k]}}' "$scratch/http.tsv" | sort
done <"$scratch/models"

title "evaluate --json $val"
"$scratch/spikeray" evaluate --json "$val" >"$scratch/evaluate.json" 2>"$scratch/evaluate.log" ||
  fail "$(tail -5 "$scratch/evaluate.log")"
jq -c . "$scratch/evaluate.json" | sed 's/^/        /'
keys='["accuracy","auc","brier","confusion","ece","f1_pneumonia","f1_weighted","n","sensitivity","specificity"]'
jq -e --argjson keys "$keys" '(keys | contains($keys)) and ([.accuracy, .auc, .brier, .ece, .sensitivity, .specificity] | all(. >= 0 and . <= 1))' \
  "$scratch/evaluate.json" >/dev/null || fail "keys: $(jq -c keys "$scratch/evaluate.json")"
pass "has every key"
mapfile -d '' -t files < <(pictures "$val")
"$scratch/spikeray" predict --json "${files[@]}" >"$scratch/val.json"
# Computed again from the single answers: [n, accuracy, sensitivity, specificity, Brier].
expected=$(jq -sc 'map({p: .probability, positive: (.label == "PNEUMONIA"), sick: (.file | test("/PNEUMONIA/"))})
  | [length, (map(select(.positive == .sick)) | length) / length,
     (map(select(.sick)) | (map(select(.positive)) | length) / length),
     (map(select(.sick | not)) | (map(select(.positive | not)) | length) / length),
     (map(.p - (if .sick then 1 else 0 end) | . * .) | add / length)]' "$scratch/val.json")
jq -e --argjson expected "$expected" '[[.n, .accuracy, .sensitivity, .specificity, .brier], $expected] | transpose
  | all((.[0] - .[1]) | fabs < 1e-9)' "$scratch/evaluate.json" >/dev/null || fail "predict adds up to $expected"
jq -e '.n == ([.confusion | .. | numbers] | add)' "$scratch/evaluate.json" >/dev/null || fail "the confusion matrix does not hold n pictures"
pass "n, accuracy, sensitivity, specificity and Brier score are what predict's answers add up to"

title "summary: parity on $(wc -l <"$scratch/http.tsv") originals and ${#files[@]} of val in $SECONDS s"
